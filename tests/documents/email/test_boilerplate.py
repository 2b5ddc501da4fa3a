"""What stands under every message does not decide a short one."""

from __future__ import annotations

import textwrap

import pytest

from openclaw_instructor.documents.email.boilerplate import is_program_line
from openclaw_instructor.documents.email.trimming import trim

QUESTION = "Can we move our call to Friday at 2 pm?"

NOTICES = {
    "en": "CONFIDENTIALITY NOTICE: This e-mail and any attachments are confidential and may be legally "
    "privileged. If you are "
    "not the intended recipient, any disclosure, copying or use of the contents is prohibited. Please notify "
    "the sender.",
    "en, untitled": "This message is intended only for the addressee and may contain privileged information. If "
    "you have received "
    "it in error, please delete it.",
    "de": "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind oder "
    "diese E-Mail "
    "irrtümlich erhalten haben, informieren Sie bitte den Absender und vernichten Sie diese E-Mail.",
    "fr": "Ce message est confidentiel et destiné exclusivement à son destinataire. Si vous l'avez reçu par "
    "erreur, merci d'en "
    "avertir l'expéditeur et de le détruire.",
    "es": "Este mensaje y sus adjuntos son confidenciales y se dirigen exclusivamente a su destinatario. Si lo "
    "ha recibido por "
    "error, notifíquelo y elimínelo.",
    "pt": "Esta mensagem é confidencial e destina-se exclusivamente ao seu destinatário. Se a recebeu por "
    "engano, apague-a.",
    "it": "Questo messaggio contiene informazioni riservate destinate esclusivamente al destinatario. Se lo "
    "avete ricevuto per "
    "errore, siete pregati di cancellarlo.",
    "nl": "Dit bericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde. Ontvangt u het ten "
    "onrechte, verwijder het.",
    "sv": "Detta meddelande är konfidentiellt och endast avsett för mottagaren. Har du fått det av misstag, "
    "radera det genast.",
    "pl": "Wiadomość jest poufna i przeznaczona wyłącznie dla adresata. Jeżeli otrzymali ją Państwo przez "
    "pomyłkę, prosimy o "
    "usunięcie.",
    "cs": "Tato zpráva je důvěrná a je určena pouze adresátovi. Pokud jste ji obdrželi omylem, smažte ji prosím.",
    "hu": "Ez az üzenet bizalmas, és kizárólag a címzettnek szól. Ha tévedésből kapta meg, kérjük, törölje.",
    "ru": "Это сообщение конфиденциально и предназначено только адресату. Если вы получили его по ошибке, удалите его.",
    "tr": "Bu mesaj gizlidir ve yalnızca alıcı içindir. Yanlışlıkla aldıysanız lütfen siliniz ve göndereni "
    "bilgilendiriniz.",
    "el": "Το μήνυμα αυτό είναι εμπιστευτικό και απευθύνεται στον παραλήπτη του. Αν το λάβατε κατά λάθος, "
    "διαγράψτε το αμέσως.",
    "ja": "このメールには機密情報が含まれており、宛先の方のみに宛てたものです。誤って受信された場合は、"
    "お手数ですが削除してくださいますようお願い申し上げます。よろしくお願いいたします。",
    "zh": "本邮件及其附件含有保密信息，仅供收件人使用。"
    "如果您误收了本邮件，请立即通知发件人并删除本邮件，任何未经授权的使用均被禁止。任何人不得以任何形式使用或者传播其中的信息内容。",
    "ko": "본 메일은 기밀 정보를 포함하고 있으며 지정된 수신인만을 위한 것입니다. 잘못 수신하신 경우 즉시 "
    "삭제하여 주시기 바라며 무단 사용을 금지합니다.",
    "ar": "هذه الرسالة سرية وموجهة للشخص المعني فقط. إذا وصلتك بالخطأ يرجى حذف الرسالة وإبلاغ المرسل بذلك فورا.",
    "he": "הודעה זו סודית ומיועדת לנמען בלבד. אם קיבלת אותה בטעות, אנא הודע לשולח ומחק אותה; כל שימוש בה אסור.",
}

BANNERS = {
    "en": "CAUTION: This email originated from outside of the organization. Do not click links or open "
    "attachments unless you "
    "recognize the sender.",
    "en, short": "[EXTERNAL EMAIL]",
    "en, sender": "External Sender - be careful with links and attachments.",
    "en, Outlook": "You don't often get email from dana@example.org. Learn why this is important",
    "de": "ACHTUNG: Diese E-Mail stammt von einem externen Absender. Klicken Sie nicht auf Links und öffnen Sie "
    "keine Anhänge.",
    "fr": "ATTENTION : ce courriel provient de l'extérieur de l'organisation. Ne cliquez pas sur les liens.",
    "es": "PRECAUCIÓN: este correo electrónico proviene de fuera de la organización. No haga clic en enlaces.",
    "pt": "CUIDADO: este e-mail veio de fora da organização. Não clique em links nem abra anexos.",
    "it": "ATTENZIONE: questa email proviene dall'esterno. Non cliccare sui link e non aprire gli allegati.",
    "nl": "LET OP: deze e-mail komt van buiten de organisatie. Klik niet op links en open geen bijlagen.",
    "sv": "VARNING: detta mejl kommer från en extern avsändare. Klicka inte på länkar.",
    "da": "ADVARSEL: denne e-mail kommer fra en ekstern afsender. Klik ikke på links.",
    "fi": "VAROITUS: tämä viesti tuli organisaation ulkopuolelta. Älä avaa linkkejä tai liitteitä.",
    "pl": "UWAGA: ta wiadomość pochodzi spoza organizacji. Nie klikaj odnośników ani załączników.",
    "cs": "POZOR: tato zpráva přišla od odesílatele mimo organizaci. Neotvírejte přílohy ani odkazy.",
    "ru": "ВНИМАНИЕ: внешний отправитель (письмо пришло извне организации). Не открывайте ссылки и вложения.",
    "tr": "DİKKAT: Bu e-posta kurum dışı bir adresten geldi. Bağlantılara tıklamayın.",
    "ja": "注意：このメールは外部から送信されました。リンクや添付ファイルを開く前に確認してください。",
    "zh": "注意：此邮件来自外部邮件系统，请勿点击链接或打开附件。",
    "ko": "주의: 외부 메일입니다. 링크를 클릭하거나 첨부 파일을 열지 마십시오.",
}

DEVICES = [
    "Sent from my iPhone", "Sent from my phone", "Get Outlook for iOS", "Sent from Yahoo Mail on Android",
    "Get Outlook for iOS<https://aka.ms/o0ukef>",
    "Sent with Proton Mail secure email.", "Von meinem iPhone gesendet", "Gesendet mit der GMX Mail App",
    "Envoyé de mon iPhone", "Envoyé depuis Outlook", "Enviado desde mi iPhone", "Enviado do meu iPhone",
    "Inviato da iPhone",
    "Verzonden vanaf mijn iPhone", "Skickat från min iPhone", "Sendt fra min iPhone", "Lähetetty iPhonesta",
    "Wysłane z iPhone'a", "Odesláno z iPhonu", "Отправлено с iPhone", "Надіслано з iPhone", "iPhone'umdan gönderildi",
    "Trimis de pe iPhone-ul meu", "Στάλθηκε από το iPhone μου", "iPhoneから送信", "发自我的iPhone",
    "나의 iPhone에서 보냄",
    "נשלח מה-iPhone שלי", "تم الإرسال من الـ iPhone",
]  # fmt: skip

CLOSINGS = [
    "Best regards,", "Kind regards", "Mit freundlichen Grüßen", "Cordialement,", "Saludos cordiales,",
    "Atenciosamente,",
    "Cordiali saluti", "Met vriendelijke groet,", "Med vänlig hälsning", "Venlig hilsen", "Ystävällisin terveisin",
    "Pozdrawiam,",
    "S pozdravem", "Üdvözlettel,", "Cu stimă,", "С уважением,", "З повагою,", "Με εκτίμηση,", "Saygılarımla,", "בברכה,",
    "مع التحية", "よろしくお願いいたします。", "此致", "감사합니다.",
]  # fmt: skip

SIGNATURE = (
    "Dr. Eva Stone\nAttorney at law: litigation, contracts, claims, liability\nStone & Partners LLP\n+49 30 123456\n"
    "www.stone.example"
)


@pytest.mark.parametrize("language", NOTICES)
def test_a_legal_notice_is_left_out(language: str) -> None:
    notice = NOTICES[language]
    assert trim(f"{QUESTION}\n\nKarl\n\n{notice}") == (f"{QUESTION}\n\nKarl", ["legal notice left out"])
    # Of a page every paragraph is one line; of old programs every line is short.
    assert trim(f"{QUESTION}\nKarl\n{notice}") == (f"{QUESTION}\nKarl", ["legal notice left out"])
    wrapped = "\n".join(textwrap.wrap(notice, 60))
    assert trim(f"{QUESTION}\n\n{wrapped}")[0] == QUESTION


def test_a_notice_with_its_title_on_a_line_of_its_own() -> None:
    assert trim(f"{QUESTION}\n\nDISCLAIMER:\n\n{NOTICES['en, untitled']}")[0] == QUESTION


def test_text_behind_a_notice_stays() -> None:
    assert trim(f"{QUESTION}\n\n{NOTICES['en']}\n\nPS: bring the keys")[0] == f"{QUESTION}\n\nPS: bring the keys"


@pytest.mark.parametrize(
    "body",
    [
        NOTICES["en"],
        "Please keep this confidential and delete this e-mail when you have made the transfer of 40,000 euros.",
        "Our lawyers say the disclosure was unlawful and that the company accepts no liability for the virus.",
        "The contract is confidential; the recipient of the goods pays the freight.",
    ],
)
def test_what_people_write_about_secrets_stays(body: str) -> None:
    assert trim(body) == (body, [])
    if body != NOTICES["en"] and "recipient" not in body:
        assert trim(f"Hello Ann,\n\n{body}") == (f"Hello Ann,\n\n{body}", [])


@pytest.mark.parametrize("language", BANNERS)
def test_a_warning_of_the_gateway_is_left_out(language: str) -> None:
    for rule in ("", "\n----------\n"):
        text, left_out = trim(f"{BANNERS[language]}\n{rule}\n{QUESTION}")
        assert text.lstrip("-\n") == QUESTION
        assert left_out == ["a warning of the mail gateway left out"]
    assert trim(f"{BANNERS[language]}\n{QUESTION}")[0].endswith(QUESTION)


@pytest.mark.parametrize(
    "body",
    [
        "ATTENTION: your e-mail account was opened from an external place. Click the link to verify it.",
        "Warning: someone outside your family used your card. Open the attachment.",
        "The external auditors come on Monday.\n\nPlease prepare the folders.",
        "Join us outside on Friday!\n\nClick here to register.",
    ],
)
def test_what_only_sounds_like_a_warning_stays(body: str) -> None:
    assert trim(body) == (body, [])


@pytest.mark.parametrize("line", DEVICES)
def test_programs_that_name_themselves(line: str) -> None:
    assert is_program_line(line)
    assert trim(f"See you there.\n\n{line}") == ("See you there.", [])


@pytest.mark.parametrize(
    "line",
    [
        "Sent from the office in Paris by courier",
        "The new iPhone and Android tablets are here",
        "Get the new phone today",
        "Sent",
        "Enviado el lunes",
    ],
)
def test_lines_of_people_stay(line: str) -> None:
    assert not is_program_line(line)


@pytest.mark.parametrize("delimiter", ["-- ", "--", "—", "________________________________"])
def test_a_signature_below_a_line(delimiter: str) -> None:
    assert trim(f"{QUESTION}\n\n{delimiter}\n{SIGNATURE}") == (QUESTION, ["signature left out"])


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_signature_below_a_closing(closing: str) -> None:
    assert trim(f"{QUESTION}\n\n{closing}\n\n{SIGNATURE}") == (QUESTION, ["signature left out"])


@pytest.mark.parametrize(
    "body",
    [
        "Thanks!\n\nWhen can you come on Friday?\nAnn",
        "Hi Bob,\nThanks\nI will send the contract tomorrow morning.\nAnn",
        "Agenda:\n________\n- budget\n- staff",
        "Summary\n\nBest\n\n1. Apples\n2. Pears",
        "Best regards,\nAnn",
        "--\nAnn",
    ],
)
def test_what_only_looks_like_a_signature_stays(body: str) -> None:
    assert trim(body) == (body, [])


def test_a_postscript_below_a_signature_stays() -> None:
    assert trim(f"{QUESTION}\n\nBest regards,\nAnn\n\nPS: bring the keys")[0] == f"{QUESTION}\n\nPS: bring the keys"


def test_everything_at_once() -> None:
    body = f"{BANNERS['en']}\n\n{QUESTION}\n\nKind regards,\n{SIGNATURE}\n\n{NOTICES['en']}\n\nSent from my iPhone"
    text, left_out = trim(body)
    assert text == QUESTION
    assert left_out == [
        "legal notice left out", "signature left out", "a warning of the mail gateway left out",
    ]  # fmt: skip
