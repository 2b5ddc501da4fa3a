"""List the words of boilerplate in messages, in many languages."""

from __future__ import annotations

import re

# "Sent from my phone", in the order of the language.
DEVICE_BEGIN = re.compile(
    r"(?:sent (?:from|via|using|with)|(?:gesendet|verschickt) (?:von|mit|aus|über)|von meinem|"
    r"envoyé (?:de|depuis|à partir|avec|via)|enviado (?:desde|con|do|da|de|pelo|a partir|via)|enviada (?:do|da|de)|"
    r"inviato (?:da|dal|con)|(?:verzonden|verstuurd) (?:vanaf|met|van|via|vanuit)|skicka(?:t|des) från|sendt "
    r"(?:fra|via)|"
    r"lähetetty|wysłan[eoya] (?:z|ze|za)|odesláno (?:z|ze|pomocí)|odoslané (?:z|zo)|отправлено (?:с|со|из|через)|"
    r"надіслано (?:з|із|зі)|изпратено от|στάλθηκε από|trimis (?:de|din|de pe)|poslano (?:s|z|iz)|saadetud|išsiųsta iš|"
    r"dikirim dari|được gửi từ|gửi từ|ส่งจาก|enviat (?:des|amb)|发自我的|發自我的|从我的|來自我的|来自|נשלח מ|أرسل من|"
    r"تم الإرسال من|ارسال شده از|मेरे)",
    re.IGNORECASE,
)
DEVICE_END = ("から送信", "gönderildi", "보냄", "에서 전송", "küldve", "से भेजा गया")
DEVICE_NAME = re.compile(
    r"\b(?:my|meine[mnr]?|mon|mi|meu|mio|mijn|min|mitt|moje?\w*|моего|мого|minu|meva|mój|mojego)\b|"
    r"iphon|ipad|android|outlook|blackberry|galaxy|samsung|huawei|xiaomi|pixel|yahoo|gmail|gmx|proton|hotmail|aol|"
    r"mobil|phone|tablet|handy|tel[eé]f|téléphone|cellulare|móvil|mail for|windows|thunderbird|superhuman|spark|zimbra|"
    r"手机|手機|携帯|휴대폰|mail\.ru|yandex|mail app",
    re.IGNORECASE,
)
ADVERTISED = re.compile(
    r"(?:get|obtenez|obtener|holen sie sich|ottieni|download|hämta|hent|pobierz|получить|baixe|obtenha) "
    r"outlook (?:for|pour|para|für|per|voor|för|til|dla|для) \w+$|"
    r"(?:please )?(?:consider|think of) the environment before printing.{0,40}$",
    re.IGNORECASE,
)

# Closing formulas above a signature, each a whole line.
CLOSINGS = frozenset(phrase.casefold() for phrase in (
    "best", "best regards", "kind regards", "regards", "warm regards", "warmest regards", "with kind regards",
    "with best regards", "many regards", "sincerely", "yours sincerely", "sincerely yours", "yours truly",
    "yours faithfully", "yours", "cheers", "thanks", "many thanks", "thank you", "thanks and regards",
    "thanks & regards", "best wishes", "all the best", "cordially", "respectfully", "rgds", "br", "kr", "take care",
    "mit freundlichen grüßen", "mit freundlichen grüssen", "freundliche grüße", "freundliche grüsse",
    "mit freundlichem gruß", "mit freundlichem gruss", "viele grüße", "viele grüsse", "liebe grüße", "liebe grüsse",
    "beste grüße", "beste grüsse", "herzliche grüße", "herzliche grüsse", "schöne grüße", "schöne grüsse", "grüße",
    "gruß", "mfg", "lg", "vg", "hochachtungsvoll", "danke", "vielen dank",
    "cordialement", "bien cordialement", "très cordialement", "cdlt", "bien à vous", "salutations",
    "meilleures salutations", "sincères salutations", "salutations distinguées", "amicalement", "bonne journée",
    "merci", "bien amicalement",
    "saludos", "un saludo", "saludos cordiales", "cordialmente", "atentamente", "un cordial saludo", "gracias",
    "muchas gracias", "atte", "saludos atentos", "un abrazo",
    "atenciosamente", "cumprimentos", "com os melhores cumprimentos", "melhores cumprimentos", "att", "abraços",
    "obrigado", "obrigada", "saudações",
    "cordiali saluti", "distinti saluti", "saluti", "un saluto", "un cordiale saluto", "grazie", "buona giornata",
    "met vriendelijke groet", "met vriendelijke groeten", "vriendelijke groet", "groet", "groeten", "mvg",
    "hartelijke groet", "bedankt",
    "med vänlig hälsning", "med vänliga hälsningar", "vänliga hälsningar", "vänligen", "hälsningar", "mvh", "tack",
    "med venlig hilsen", "venlig hilsen", "mange hilsner", "hilsen", "med vennlig hilsen", "vennlig hilsen", "vh",
    "ystävällisin terveisin", "terveisin", "terv", "parhain terveisin", "kiitos",
    "pozdrawiam", "z poważaniem", "z wyrazami szacunku", "serdecznie pozdrawiam", "dziękuję",
    "s pozdravem", "s přátelským pozdravem", "zdraví", "děkuji", "s pozdravom", "s úctou", "ďakujem",
    "üdvözlettel", "tisztelettel", "üdv", "köszönettel", "cu stimă", "cu respect", "mulțumesc", "toate cele bune",
    "s poštovanjem", "srdačan pozdrav", "lep pozdrav", "lijep pozdrav", "с поштовањем",
    "с уважением", "с наилучшими пожеланиями", "спасибо", "з повагою", "з найкращими побажаннями", "дякую",
    "с уважение", "поздрави", "με εκτίμηση", "ευχαριστώ", "φιλικά",
    "saygılarımla", "saygılar", "iyi çalışmalar", "teşekkürler", "selamlar",
    "pagarbiai", "ar cieņu", "lugupidamisega", "parimate soovidega", "atentament", "salutacions", "agur bero bat",
    "בברכה", "תודה", "مع التحية", "تحياتي", "مع أطيب التحيات", "شكرا", "با احترام", "با تشکر",
    "सादर", "धन्यवाद", "ขอแสดงความนับถือ", "ขอบคุณครับ", "ขอบคุณค่ะ", "trân trọng", "thân mến", "cảm ơn",
    "salam", "hormat kami", "terima kasih", "よろしくお願いいたします", "よろしくお願いします", "敬具", "以上",
    "감사합니다", "此致", "敬礼", "谢谢", "謝謝", "祝好", "顺颂商祺", "敬上",
))  # fmt: skip

# Groups of signs of a legal notice. A notice has signs of at least two groups, one of which is its addressee or what to
# do with a misdirected message: a person may also write that something is confidential and to be deleted.
MEANT_FOR, ASTRAY = 1, 2  # indices into NOTICE_SIGNS
NOTICE_SIGNS: tuple[tuple[str, ...], ...] = (
    (
        "confidential", "privileged", "vertraulich", "confidentiel", "confidencia", "riservat", "confidenzial",
        "vertrouwelijk", "konfidenti", "fortrolig", "luottamuksell", "poufn", "důvěrn", "dôvern", "bizalmas",
        "confidenț", "конфиденциал", "конфіденц", "поверительн", "εμπιστευτικ", "gizli", "povjerlj", "поверљив",
        "zaupn", "機密", "机密", "保密", "기밀", "סודי", "חסוי", "سرية", "محرمانه", "rahasia", "bí mật", "ความลับ",
    ),
    (
        "intended solely", "intended only", "intended recipient", "intended for", "addressee", "named recipient",
        "the recipient", "bestimmte empfänger", "bestimmten empfänger", "richtige adressat", "richtiger adressat",
        "beabsichtigte empfänger", "vorgesehene empfänger", "für den adressaten", "für den genannten",
        "destinataire", "destinatari", "geadresseerde", "bestemd voor", "avsedd för", "avsett för", "tiltenkt",
        "tarkoitettu", "adresat", "určen", "címzett", "destinat exclusiv", "адресат", "предназначен", "призначен",
        "παραλήπτη", "alıcı", "namijenjen", "namenjen", "namenjeno", "宛先", "受信者", "名宛人", "收件人", "수신",
        "נמען", "للمرسل", "للشخص المعني", "گیرنده", "penerima", "người nhận", "ผู้รับ",
    ),
    (
        "in error", "by mistake", "irrtümlich", "versehentlich", "par erreur", "por error", "por engano",
        "per errore", "ten onrechte", "abusievelijk", "misstag", "ved en fejl", "ved en feil", "feilaktig",
        "erehdyksessä", "pomyłk", "omylem", "tévedés", "din greșeală", "ошибочно", "по ошибке", "помилково",
        "по погрешка", "κατά λάθος", "yanlışlıkla", "greškom", "pomotoma", "誤って", "误收", "錯誤", "误发", "잘못",
        "실수로", "בטעות", "بالخطأ", "طريق الخطأ", "اشتباه", "kesalahan", "nhầm", "โดยผิดพลาด",
    ),
    (
        "notify the sender", "notify us", "inform the sender", "inform us", "delete this", "delete it", "delete the",
        "destroy this", "destroy it", "destroy all", "informieren sie", "vernichten sie", "löschen sie", "avertir",
        "prévenir l'expéditeur", "détruire", "supprimer", "notifíque", "notifique", "elimín", "elimine", "bórre",
        "apague", "avvisare", "cancellare", "distruggere", "eliminarl", "verwijder", "afzender", "avsändaren",
        "radera", "slett", "slet ", "poista", "powiadomi", "usuń", "usunię", "smažte", "odstraňte", "zmažte",
        "törölj", "ștergeți", "удалит", "удалить", "видаліт", "изтрийте", "διαγράψ", "siliniz", "obrišite", "izbriš",
        "破棄", "削除", "删除", "刪除", "삭제", "למחוק", "למחקו", "حذف", "hapus", "xóa", "ลบ",
    ),
    (
        "prohibited", "unlawful", "forbidden", "nicht gestattet", "untersagt", "unbefugte", "interdit", "prohibid",
        "proibid", "vietat", "verboden", "förbjud", "forbudt", "kielletty", "zabronion", "zakázán", "tilos",
        "interzis", "запрещ", "заборон", "забранен", "απαγορεύ", "yasak", "zabranjen", "prepovedan", "禁止", "금지",
        "אסור", "محظور", "ممنوع", "dilarang", "nghiêm cấm", "ห้าม",
    ),
    (
        "no liability", "not liable", "accept liability", "no responsibility", "virus", "legally binding",
        "registered in", "registered office", "company number", "company registration", "handelsregister",
        "geschäftsführ", "haftung", "responsabilit", "aansprakelijk", "views expressed", "opinions expressed",
        "opinions presented", "before printing", "environment", "umwelt",
    ),
)  # fmt: skip
NOTICE_TITLE = re.compile(
    r"[\s*_=-]*(?:confidentiality|disclaimer|legal|privacy|important) ?(?:notice|statement|disclaimer|"
    r"information)?\s?[:*-]|"
    r"[\s*_=-]*(?:avis de confidentialité|aviso (?:legal|de confidencialidad)|avvertenza|rechtlicher hinweis|"
    r"vertraulichkeitshinweis|haftungsausschluss|note de confidentialité|aviso de confidencialidade|nota di "
    r"riservatezza)",
    re.IGNORECASE,
)
# Warnings that a message comes from outside.
OUTSIDE = re.compile(
    r"outside (?:of )?(?:the|your|our|this|my)?\s?[\w&. -]{0,40}(?:organi[sz]ation|company|network|institution|"
    r"university|"
    r"domain|group|corporation|firm|team|agency|e-?mail system)|(?:originat\w+|came|comes|sent|received) "
    r"(?:from )?outside|"
    r"external (?:e-?mail|sender|source|message|mail|address|account|party|organi[sz]ation)|"
    r"(?:do not|don't|don’t) often (?:get|receive) e-?mails? from|"
    r"extern(?:e[rnms]?)? (?:absender|e-?mail|nachricht|quelle|mail|adresse)|"
    r"au(?:ß|ss)erhalb (?:der|unserer|ihrer|des|unseres|ihres|von) |sie erhalten nicht (?:oft|häufig) e-?mails? von|"
    r"(?:de|hors de|à) l['’]extérieur|(?:courriel|message|e-?mail|mail|expéditeur)s? externe|"
    r"(?:vous n['’]obtenez pas|vous ne recevez pas) souvent|"
    r"fuera de (?:la|su|nuestra|tu|nuestro) |(?:correo|mensaje|remitente|origen)(?: electrónico)? extern[oa]|"
    r"fora d[ao] |de fora d|(?:e-?mail|mensagem|remetente) extern[oa]|no suele recibir|"
    r"(?:dall['’]esterno|all['’]esterno|esterno all)|(?:e-?mail|messaggio|mittente) estern[oa]|"
    r"(?:van )?buiten (?:de|uw|onze|het) |externe (?:afzender|e-?mail|bron)|"
    r"utanför (?:organisation|företag|din|vår)|extern (?:avsändare|e-?post)|uten?for (?:organisasjon|virksomhet)|"
    r"uden for (?:organisation|virksomhed)|ekstern (?:afsender|avsender|e-?post|mail)|ulkopuol\w+|ulkoi\w+ "
    r"(?:lähettäj|viesti)|"
    r"spoza (?:organizacji|firmy)|zewnętrzn\w+ (?:nadawc|źródł|wiadomoś)|(?:extern|vnější)\w* (?:odesílatel|"
    r"e-?mail|zpráv|zdroj)|"
    r"mimo (?:organizaci|organizácie|naši|vaši|firmu)|külső (?:feladó|forrás|e-?mail|szervezet)|"
    r"expeditor extern|din afara organiza|внешн\w+ (?:отправител|письм|сообщен|источник)|извне |за пределами "
    r"организации|"
    r"зовнішн\w+ (?:відправник|лист|джерел)|за межами організації|εξωτερικ\w+ (?:αποστολ|μήνυμα|email)|εκτός "
    r"(?:του|της) οργανισμ|"
    r"kurum(?:unuz)? dışı|kuruluş(?:unuz)? dışı|harici (?:gönderen|e-?posta)|外部(?:から|の送信者|发件人|邮件|"
    r"郵件|寄件|メール|送信者|组织)|"
    r"社外|组织外部|組織外部|组织之外|외부 (?:메일|발신|이메일|사용자)|מחוץ לארגון|שולח חיצוני|خارج (?:المؤسسة|"
    r"المنظمة|الشركة)|خارجي",
    re.IGNORECASE,
)
HEED = re.compile(
    r"caution|warning|attention|alert|click|links?\b|attach|verify|be careful|exercise|sender|trust|learn why|"
    r"achtung|vorsicht|warnung|klick|anh[aä]ng|öffnen|erfahren sie|cliquez|pièces? jointe|prudence|vigilan|"
    r"precauci|advertencia|atenci|cuidado|enlace|adjunto|anexo|clique|attenzione|allegat|cliccare|let op|bijlage|klik|"
    r"varning|länk|bifog|advarsel|lenke|vedlegg|varoitus|linkk|liitte|uwaga|załącznik|pozor|odkaz|přílo|figyel|melléklet|"
    r"atenție|внимание|увага|ссылк|вложени|посилан|προσοχή|συνδέσμ|dikkat|bağlant|注意|警告|リンク|添付|链接|連結|附件|"
    r"주의|링크|첨부|זהירות|שים לב|קישור|تنبيه|تحذير|رابط",
    re.IGNORECASE,
)
SHORT_BANNER = re.compile(
    r"[\s*\[(<_-]*(?:(?:caution|warning|attention|achtung|attenzione|atención)\s?[:!-]\s*)?"
    r"(?:external|extern|externe|externo|esterno)(?: (?:e-?mail|sender|message|mail|email))?[\s*\])>:!._-]*$",
    re.IGNORECASE,
)
