"""What organisations and programs add to a message: warnings of a gateway, signatures, legal notices.

They are the same under every message, and the longest part of a short one. Each is recognised by several signs, and
nothing is left out of which nothing would remain.
"""

from __future__ import annotations

import re

BANNER, SIGNATURE, NOTICE = "a warning of the mail gateway", "signature", "legal notice"

_BANNER_LINES, _LONGEST_BANNER = 8, 600
_SIGNATURE_LINES, _LONGEST_SIGNATURE_LINE = 15, 120
_SHORTEST_NOTICE, _NOTICE_LINES = 60, 40
_MOST_CHECKS = 200  # of places where a notice could begin
_SEARCHED = 2_000  # characters of a line

_DELIMITERS = ("--", "—", "–", "-- -", "---- --")
_UNDERSCORES = re.compile(r"\s*_{5,}\s*$")
_POINT = re.compile(r"^(?:[-*•+]|\d{1,2}[.)])\s|[?？]$")
_SENTENCE = re.compile(r"^(?:[-*•+]|\d{1,2}[.)])\s|[?？。]$|^\S+\s\S+\s\S+\s.*[.!]$")
_POSTSCRIPT = re.compile(r"\s*p\.?\s?s\b", re.IGNORECASE)

# "Sent from my phone", in the order of the language.
_DEVICE_BEGIN = re.compile(
    r"(?:sent (?:from|via|using|with)|(?:gesendet|verschickt) (?:von|mit|aus|über)|von meinem|"
    r"envoyé (?:de|depuis|à partir|avec|via)|enviado (?:desde|con|do|da|de|pelo|a partir|via)|enviada (?:do|da|de)|"
    r"inviato (?:da|dal|con)|(?:verzonden|verstuurd) (?:vanaf|met|van|via|vanuit)|skicka(?:t|des) från|sendt (?:fra|via)|"
    r"lähetetty|wysłan[eoya] (?:z|ze|za)|odesláno (?:z|ze|pomocí)|odoslané (?:z|zo)|отправлено (?:с|со|из|через)|"
    r"надіслано (?:з|із|зі)|изпратено от|στάλθηκε από|trimis (?:de|din|de pe)|poslano (?:s|z|iz)|saadetud|išsiųsta iš|"
    r"dikirim dari|được gửi từ|gửi từ|ส่งจาก|enviat (?:des|amb)|发自我的|發自我的|从我的|來自我的|来自|נשלח מ|أرسل من|"
    r"تم الإرسال من|ارسال شده از|मेरे)",
    re.IGNORECASE,
)
_DEVICE_END = ("から送信", "gönderildi", "보냄", "에서 전송", "küldve", "से भेजा गया")
_DEVICE_NAME = re.compile(
    r"\b(?:my|meine[mnr]?|mon|mi|meu|mio|mijn|min|mitt|moje?\w*|моего|мого|minu|meva|mój|mojego)\b|"
    r"iphon|ipad|android|outlook|blackberry|galaxy|samsung|huawei|xiaomi|pixel|yahoo|gmail|gmx|proton|hotmail|aol|"
    r"mobil|phone|tablet|handy|tel[eé]f|téléphone|cellulare|móvil|mail for|windows|thunderbird|superhuman|spark|zimbra|"
    r"手机|手機|携帯|휴대폰|mail\.ru|yandex|mail app",
    re.IGNORECASE,
)
_ADVERTISED = re.compile(
    r"(?:get|obtenez|obtener|holen sie sich|ottieni|download|hämta|hent|pobierz|получить|baixe|obtenha) "
    r"outlook (?:for|pour|para|für|per|voor|för|til|dla|для) \w+$|"
    r"(?:please )?(?:consider|think of) the environment before printing.{0,40}$",
    re.IGNORECASE,
)

# What stands over a signature, a whole line of it.
_CLOSINGS = frozenset(phrase.casefold() for phrase in (
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

# Groups of signs. A notice shows two at least, and one of them is for whom it is meant or what to do if it went astray:
# that something is secret and to be deleted may as well be said by a writer of flesh and blood.
_MEANT_FOR, _ASTRAY = 1, 2
_NOTICE_SIGNS: tuple[tuple[str, ...], ...] = (
    (
        "confidential", "privileged", "vertraulich", "confidentiel", "confidencia", "riservat", "confidenzial",
        "vertrouwelijk", "konfidenti", "fortrolig", "luottamuksell", "poufn", "důvěrn", "dôvern", "bizalmas", "confidenț",
        "конфиденциал", "конфіденц", "поверительн", "εμπιστευτικ", "gizli", "povjerlj", "поверљив", "zaupn", "機密", "机密",
        "保密", "기밀", "סודי", "חסוי", "سرية", "محرمانه", "rahasia", "bí mật", "ความลับ",
    ),
    (
        "intended solely", "intended only", "intended recipient", "intended for", "addressee", "named recipient",
        "the recipient", "bestimmte empfänger", "bestimmten empfänger", "richtige adressat", "richtiger adressat",
        "beabsichtigte empfänger", "vorgesehene empfänger", "für den adressaten", "für den genannten", "destinataire",
        "destinatari", "geadresseerde", "bestemd voor", "avsedd för", "avsett för", "tiltenkt", "tarkoitettu", "adresat",
        "určen", "címzett", "destinat exclusiv", "адресат", "предназначен", "призначен", "παραλήπτη", "alıcı",
        "namijenjen", "namenjen", "namenjeno", "宛先", "受信者", "名宛人", "收件人", "수신", "נמען", "للمرسل", "للشخص المعني",
        "گیرنده", "penerima", "người nhận", "ผู้รับ",
    ),
    (
        "in error", "by mistake", "irrtümlich", "versehentlich", "par erreur", "por error", "por engano", "per errore",
        "ten onrechte", "abusievelijk", "misstag", "ved en fejl", "ved en feil", "feilaktig", "erehdyksessä", "pomyłk",
        "omylem", "tévedés", "din greșeală", "ошибочно", "по ошибке", "помилково", "по погрешка", "κατά λάθος",
        "yanlışlıkla", "greškom", "pomotoma", "誤って", "误收", "錯誤", "误发", "잘못", "실수로", "בטעות", "بالخطأ", "طريق الخطأ",
        "اشتباه", "kesalahan", "nhầm", "โดยผิดพลาด",
    ),
    (
        "notify the sender", "notify us", "inform the sender", "inform us", "delete this", "delete it", "delete the",
        "destroy this", "destroy it", "destroy all", "informieren sie", "vernichten sie", "löschen sie", "avertir",
        "prévenir l'expéditeur", "détruire", "supprimer", "notifíque", "notifique", "elimín", "elimine", "bórre", "apague",
        "avvisare", "cancellare", "distruggere", "eliminarl", "verwijder", "afzender", "avsändaren", "radera", "slett",
        "slet ", "poista", "powiadomi", "usuń", "usunię", "smažte", "odstraňte", "zmažte", "törölj", "ștergeți", "удалит",
        "удалить", "видаліт", "изтрийте", "διαγράψ", "siliniz", "obrišite", "izbriš", "破棄", "削除", "删除", "刪除", "삭제",
        "למחוק", "למחקו", "حذف", "hapus", "xóa", "ลบ",
    ),
    (
        "prohibited", "unlawful", "forbidden", "nicht gestattet", "untersagt", "unbefugte", "interdit", "prohibid",
        "proibid", "vietat", "verboden", "förbjud", "forbudt", "kielletty", "zabronion", "zakázán", "tilos", "interzis",
        "запрещ", "заборон", "забранен", "απαγορεύ", "yasak", "zabranjen", "prepovedan", "禁止", "금지", "אסור", "محظور",
        "ممنوع", "dilarang", "nghiêm cấm", "ห้าม",
    ),
    (
        "no liability", "not liable", "accept liability", "no responsibility", "virus", "legally binding",
        "registered in", "registered office", "company number", "company registration", "handelsregister",
        "geschäftsführ", "haftung", "responsabilit", "aansprakelijk", "views expressed", "opinions expressed",
        "opinions presented", "before printing", "environment", "umwelt",
    ),
)
_NOTICE_TITLE = re.compile(
    r"[\s*_=-]*(?:confidentiality|disclaimer|legal|privacy|important) ?(?:notice|statement|disclaimer|information)?\s?[:*-]|"
    r"[\s*_=-]*(?:avis de confidentialité|aviso (?:legal|de confidencialidad)|avvertenza|rechtlicher hinweis|"
    r"vertraulichkeitshinweis|haftungsausschluss|note de confidentialité|aviso de confidencialidade|nota di riservatezza)",
    re.IGNORECASE,
)
# That a message comes from outside, and what to heed then.
_OUTSIDE = re.compile(
    r"outside (?:of )?(?:the|your|our|this|my)?\s?[\w&. -]{0,40}(?:organi[sz]ation|company|network|institution|university|"
    r"domain|group|corporation|firm|team|agency|e-?mail system)|(?:originat\w+|came|comes|sent|received) (?:from )?outside|"
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
    r"uden for (?:organisation|virksomhed)|ekstern (?:afsender|avsender|e-?post|mail)|ulkopuol\w+|ulkoi\w+ (?:lähettäj|viesti)|"
    r"spoza (?:organizacji|firmy)|zewnętrzn\w+ (?:nadawc|źródł|wiadomoś)|(?:extern|vnější)\w* (?:odesílatel|e-?mail|zpráv|zdroj)|"
    r"mimo (?:organizaci|organizácie|naši|vaši|firmu)|külső (?:feladó|forrás|e-?mail|szervezet)|"
    r"expeditor extern|din afara organiza|внешн\w+ (?:отправител|письм|сообщен|источник)|извне |за пределами организации|"
    r"зовнішн\w+ (?:відправник|лист|джерел)|за межами організації|εξωτερικ\w+ (?:αποστολ|μήνυμα|email)|εκτός (?:του|της) οργανισμ|"
    r"kurum(?:unuz)? dışı|kuruluş(?:unuz)? dışı|harici (?:gönderen|e-?posta)|外部(?:から|の送信者|发件人|邮件|郵件|寄件|メール|送信者|组织)|"
    r"社外|组织外部|組織外部|组织之外|외부 (?:메일|발신|이메일|사용자)|מחוץ לארגון|שולח חיצוני|خارج (?:المؤسسة|المنظمة|الشركة)|خارجي",
    re.IGNORECASE,
)
_HEED = re.compile(
    r"caution|warning|attention|alert|click|links?\b|attach|verify|be careful|exercise|sender|trust|learn why|"
    r"achtung|vorsicht|warnung|klick|anh[aä]ng|öffnen|erfahren sie|cliquez|pièces? jointe|prudence|vigilan|"
    r"precauci|advertencia|atenci|cuidado|enlace|adjunto|anexo|clique|attenzione|allegat|cliccare|let op|bijlage|klik|"
    r"varning|länk|bifog|advarsel|lenke|vedlegg|varoitus|linkk|liitte|uwaga|załącznik|pozor|odkaz|přílo|figyel|melléklet|"
    r"atenție|внимание|увага|ссылк|вложени|посилан|προσοχή|συνδέσμ|dikkat|bağlant|注意|警告|リンク|添付|链接|連結|附件|"
    r"주의|링크|첨부|זהירות|שים לב|קישור|تنبيه|تحذير|رابط",
    re.IGNORECASE,
)
_SHORT_BANNER = re.compile(
    r"[\s*\[(<_-]*(?:(?:caution|warning|attention|achtung|attenzione|atención)\s?[:!-]\s*)?"
    r"(?:external|extern|externe|externo|esterno)(?: (?:e-?mail|sender|message|mail|email))?[\s*\])>:!._-]*$",
    re.IGNORECASE,
)


def without_banner(lines: list[str]) -> tuple[list[str], bool]:
    """The lines without a gateway's warning at their begin that the message comes from outside."""
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    found = False
    while first < len(lines):
        end = _banner_end(lines, first)
        rest = next((number for number in range(end, len(lines)) if lines[number].strip(" \t_*=-")), len(lines))
        if end == first or rest == len(lines):
            break
        found, first = True, rest
    return (lines[first:] if found else lines), found


def without_endings(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines without signature and legal notice, and what was left out."""
    left_out: list[str] = []
    kept = [line for line in lines if not is_program_line(line)]
    for what, cut in ((SIGNATURE, _delimited), (NOTICE, _without_notices), (SIGNATURE, _closed)):
        shorter = cut(kept)
        if len(shorter) < len(kept) and any(line.strip(" _") for line in shorter):
            kept = shorter
            left_out.append(what)
    return kept, left_out


def is_program_line(line: str) -> bool:
    """Whether a program wrote the line to name itself, as in "Sent from my phone"."""
    line = line.strip()
    if not 6 < len(line) < 100:
        return False
    if _ADVERTISED.match(line):
        return True
    if line[-1] in "?!:" or not (_DEVICE_BEGIN.match(line) or line.rstrip(".").casefold().endswith(_DEVICE_END)):
        return False
    return _DEVICE_NAME.search(line) is not None


def _delimited(lines: list[str]) -> list[str]:
    """The lines down to one that is only two hyphens, or a line of underscores over a few short lines."""
    begun = False
    for number, line in enumerate(lines):
        if begun and line.rstrip() in _DELIMITERS:
            return lines[:number]
        if begun and len(lines) - number <= 4 * _SIGNATURE_LINES and _UNDERSCORES.match(line):
            below = lines[number + 1 :]
            if any(filled.strip(" _") for filled in below[:_SIGNATURE_LINES]) and _is_short(below, _POINT):
                return lines[:number]
        begun = begun or bool(line.strip(" _"))
    return lines


def _closed(lines: list[str]) -> list[str]:
    """The lines down to a closing formula over a few short lines; a postscript below stays."""
    first = max(0, len(lines) - 3 * _SIGNATURE_LINES)
    for number in range(len(lines) - 1, first, -1):
        phrase = lines[number].strip(" \t,.!;:-–—*_。！，").casefold()
        below = lines[number + 1 :]
        if phrase in _CLOSINGS and below and _is_short(below, _SENTENCE):
            postscript = next((place for place, line in enumerate(below) if _POSTSCRIPT.match(line)), len(below))
            return lines[:number] + below[postscript:]
    return lines


def _is_short(lines: list[str], unlike: re.Pattern[str]) -> bool:
    """Whether these can be a signature: few short lines, none of them like something that people write in messages."""
    filled = [line.strip() for line in lines[: 4 * _SIGNATURE_LINES] if line.strip()]
    if len(filled) > _SIGNATURE_LINES or len(lines) > 4 * _SIGNATURE_LINES:
        return False
    return all(len(line) <= _LONGEST_SIGNATURE_LINE and not unlike.search(line) for line in filled)


def _without_notices(lines: list[str]) -> list[str]:
    notices = _Notices(lines)
    kept: list[str] = []
    number = 0
    begun = False
    while number < len(lines):
        end = notices.end(number) if begun else number
        if end == number:
            kept.append(lines[number])
            begun = begun or bool(lines[number].strip())
            end = number + 1
        number = end
    return kept


class _Notices:
    """Finds the legal notices among the lines of a message."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        text = "\n".join(line[:_SEARCHED] for line in lines).casefold()
        whole = text.replace("\n", " ")
        self._present = [[sign for sign in map(str.casefold, signs) if sign in whole] for signs in _NOTICE_SIGNS]
        possible = self._present[_MEANT_FOR] or self._present[_ASTRAY]
        self._shown = [self._signs(line) if possible else set() for line in text.split("\n")]
        self._checks = _MOST_CHECKS

    def end(self, number: int) -> int:
        """Where the notice ends that begins at this line; `number` when none does."""
        lines, shown = self._lines, self._shown
        titled = _NOTICE_TITLE.match(lines[number]) is not None
        if self._checks <= 0 or not (titled or shown[number]):
            return number
        begin = number
        if titled and not shown[number] and number + 2 < len(lines) and not lines[number + 1].strip():
            begin = number + 2  # a title with an empty line below
        end = begin
        signs: set[int] = set()
        while end < len(lines) and end - begin < _NOTICE_LINES and lines[end].strip():
            # A page's paragraphs have no empty lines between them, and each is a line of its own.
            if end > begin and len(signs) >= 2 and not shown[end] and len(lines[end - 1]) > _LONGEST_SIGNATURE_LINE:
                break
            signs |= shown[end]
            end += 1
        self._checks -= 1
        text = " ".join(lines[begin:end])
        signs |= self._signs(text[: 10 * _SEARCHED].casefold())  # also what is parted by the end of a line
        meant = _MEANT_FOR in signs or _ASTRAY in signs
        return end if meant and len(signs) + titled >= 2 and len(text) >= _SHORTEST_NOTICE else number

    def _signs(self, text: str) -> set[int]:
        return {number for number, signs in enumerate(self._present) if any(sign in text for sign in signs)}


def _banner_end(lines: list[str], first: int) -> int:
    if _SHORT_BANNER.match(lines[first]):
        return first + 1
    end = first
    while end < len(lines) and end - first < _BANNER_LINES and lines[end].strip():
        end += 1
    # Wrapped lines go on to the end of their paragraph; a page's paragraph is a line of its own.
    end = first + 1 if len(lines[first]) > _LONGEST_SIGNATURE_LINE else end
    text = " ".join(lines[first:end])
    if len(text) > _LONGEST_BANNER:
        return first
    return end if _OUTSIDE.search(text) and _HEED.search(text) else first
