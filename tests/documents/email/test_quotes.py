"""Earlier messages: quotes go in every language and from every program, forwards stay."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents.email import from_fields, phrases, read
from openclaw_instructor.documents.email.quotes import is_forward, is_intro
from openclaw_instructor.documents.email.trimming import trim
from tests.documents.email.mails import INVOICE, LUNCH, mail

# As Gmail, Apple Mail, Thunderbird, Yandex, Mail.ru and NetEase write them.
INTROS = {
    "en": "On Thu, Mar 5, 2026 at 1:30 PM Martin B <m@example.com> wrote:",
    "en, Apple": "On 5 Mar 2026, at 13:30, Martin B <m@example.com> wrote:",
    "en, Thunderbird": "On 05/03/2026 13:30, Martin B wrote:",
    "en, Yahoo": "On Thursday, March 5, 2026 at 01:30:00 PM GMT+1, Martin B <m@example.com> wrote:",
    "en, Proton": "On Thursday, March 5th, 2026 at 1:30 PM, Martin B <m@example.com> wrote:",
    "en, NetEase": 'At 2026-03-05 13:30:00, "Martin" <m@example.com> wrote:',
    "de": "Am Do., 5. März 2026 um 13:30 Uhr schrieb Martin B <m@example.com>:",
    "de, name first": "Martin B <m@example.com> schrieb am Do., 5. März 2026, 13:30:",
    "de, Thunderbird": "Am 05.03.26 um 13:30 schrieb Martin B:",
    "fr": "Le jeu. 5 mars 2026 à 13:30, Martin B <m@example.com> a écrit :",
    "es": "El jue, 5 mar 2026 a las 13:30, Martin B (<m@example.com>) escribió:",
    "pt": "Em qui., 5 de mar. de 2026 às 13:30, Martin B <m@example.com> escreveu:",
    "it": "Il giorno gio 5 mar 2026 alle ore 13:30 Martin B <m@example.com> ha scritto:",
    "nl": "Op do 5 mrt 2026 om 13:30 schreef Martin B <m@example.com>:",
    "sv": "Den tors 5 mars 2026 kl 13:30 skrev Martin B <m@example.com>:",
    "da": "Den tor. 5. mar. 2026 kl. 13.30 skrev Martin B <m@example.com>:",
    "nb": "tor. 5. mar. 2026 kl. 13:30 skrev Martin B <m@example.com>:",
    "fi": "to 5. maalisk. 2026 klo 13.30 Martin B (m@example.com) kirjoitti:",
    "pl": "czw., 5 mar 2026 o 13:30 Martin B <m@example.com> napisał(a):",
    "cs": "čt 5. 3. 2026 v 13:30 odesílatel Martin B <m@example.com> napsal:",
    "sk": "št 5. 3. 2026 o 13:30 Martin B <m@example.com> napísal(a):",
    "sl": "V V čet., 5. mar. 2026 ob 13:30 je oseba Martin B <m@example.com> napisala:",
    "hr": "čet, 5. ožu 2026. u 13:30 Martin B <m@example.com> napisao je:",
    "hu": "Martin B <m@example.com> ezt írta (időpont: 2026. márc. 5., Cs, 13:30):",
    "ro": "În joi, 5 mar. 2026 la 13:30, Martin B <m@example.com> a scris:",
    "bg": "На чт, 5.03.2026 г. в 13:30 Martin B <m@example.com> написа:",
    "ru": "чт, 5 мар. 2026 г. в 13:30, Martin B <m@example.com>:",
    "ru, Yandex": '05.03.2026, 13:30, "Martin" <m@example.com>:',
    "ru, Mail.ru": "Четверг, 5 марта 2026, 13:30 +03:00 от Martin <m@example.com>:",
    "uk": "чт, 5 бер. 2026 р. о 13:30 Martin B <m@example.com> пише:",
    "el": "Στις Πέμ 5 Μαρ 2026 στις 1:30 μ.μ., ο χρήστης Martin B <m@example.com> έγραψε:",
    "tr": "Martin B <m@example.com>, 5 Mar 2026 Per, 13:30 tarihinde şunu yazdı:",
    "lt": "2026-03-05, kt, 13:30 Martin B <m@example.com> rašė:",
    "lv": "ceturtd., 2026. g. 5. marts, plkst. 13:30 — lietotājs Martin (<m@example.com>) rakstīja:",
    "et": "Martin B (<m@example.com>) kirjutas kuupäeval N, 5. märts 2026 kell 13:30:",
    "ca": "Missatge de Martin B <m@example.com> del dia dj., 5 de març 2026 a les 13:30:",
    "he": "\u202bבתאריך יום ה׳, 5 במרץ 2026 ב-13:30 מאת \u202aMartin B\u202c\u200f <\u202am@example."
    "com\u202c\u200f>:\u202c",
    "ar": "\u202bفي الخميس، 5 مارس 2026 في 1:30 م تمت كتابة ما يلي بواسطة Martin B <m@example.com>:\u202c",
    "fa": "در تاریخ پنجشنبه ۵ مارس ۲۰۲۶،\u200f ۱۳:۳۰ Martin <m@example.com> نوشت:",
    "hi": "गुरु, 5 मार्च 2026 को 1:30 pm बजे को Martin B <m@example.com> ने लिखा:",
    "ja": "2026年3月5日(木) 13:30 Martin B <m@example.com>:",
    "ko": "2026년 3월 5일 (목) 오후 1:30, Martin B <m@example.com>님이 작성:",
    "zh": "Martin B <m@example.com> 于2026年3月5日周四 13:30写道：",
    "zh, Taiwan": "Martin B <m@example.com> 於 2026年3月5日 週四 下午1:30寫道：",
    "th": "ในวันที่ พฤ. 5 มี.ค. 2026 เวลา 13:30 Martin B <m@example.com> เขียนว่า:",
    "vi": "Vào Th 5, 5 thg 3, 2026 vào lúc 13:30 Martin B <m@example.com> đã viết:",
    "id": "Pada tanggal Kam, 5 Mar 2026 pukul 13.30 Martin B <m@example.com> menulis:",
}

# From, sent, to and subject, as Outlook writes them.
BLOCKS = {
    "en": ("From", "Sent", "To", "Subject"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "fr": ("De ", "Envoyé ", "À ", "Objet "),
    "es": ("De", "Enviado el", "Para", "Asunto"),
    "pt": ("De", "Enviada em", "Para", "Assunto"),
    "it": ("Da", "Inviato", "A", "Oggetto"),
    "nl": ("Van", "Verzonden", "Aan", "Onderwerp"),
    "sv": ("Från", "Skickat", "Till", "Ämne"),
    "da": ("Fra", "Sendt", "Til", "Emne"),
    "fi": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
    "pl": ("Od", "Wysłano", "Do", "Temat"),
    "cs": ("Od", "Odesláno", "Komu", "Předmět"),
    "sk": ("Od", "Odoslané", "Komu", "Predmet"),
    "sl": ("Od", "Poslano", "Za", "Zadeva"),
    "hr": ("Šalje", "Poslano", "Prima", "Predmet"),
    "hu": ("Feladó", "Elküldve", "Címzett", "Tárgy"),
    "ro": ("De la", "Trimis", "Către", "Subiect"),
    "bg": ("От", "Изпратено", "До", "Относно"),
    "ru": ("От", "Отправлено", "Кому", "Тема"),
    "uk": ("Від", "Надіслано", "Кому", "Тема"),
    "el": ("Από", "Στάλθηκε", "Προς", "Θέμα"),
    "tr": ("Kimden", "Gönderildi", "Kime", "Konu"),
    "lt": ("Nuo", "Išsiųsta", "Kam", "Tema"),
    "lv": ("No", "Nosūtīts", "Kam", "Tēma"),
    "et": ("Saatja", "Saadetud", "Adressaat", "Teema"),
    "ca": ("De", "Enviat", "Per a", "Assumpte"),
    "he": ("מאת", "נשלח", "אל", "נושא"),
    "ar": ("من", "تم الإرسال", "إلى", "الموضوع"),
    "fa": ("از", "ارسال شده", "به", "موضوع"),
    "hi": ("प्रेषक", "भेजा गया", "प्रति", "विषय"),
    "ja": ("差出人", "送信日時", "宛先", "件名"),
    "ko": ("보낸 사람", "보낸 날짜", "받는 사람", "제목"),
    "zh": ("发件人", "发送时间", "收件人", "主题"),
    "zh, Taiwan": ("寄件者", "寄件日期", "收件者", "主旨"),
    "th": ("จาก", "ส่ง", "ถึง", "เรื่อง"),
    "vi": ("Từ", "Đã gửi", "Đến", "Chủ đề"),
    "id": ("Dari", "Dikirim", "Kepada", "Perihal"),
}


def block(labels: tuple[str, ...]) -> str:
    values = ("Martin B <m@example.com>", "5.3.2026 13:30", "Dana <d@example.org>", "invoice")
    return "\n".join(f"{label}: {value}" for label, value in zip(labels, values, strict=True))


@pytest.mark.parametrize("language", INTROS)
@pytest.mark.parametrize("quoted", ["> " + INVOICE, INVOICE], ids=["marked", "unmarked"])
def test_a_reply_announced_in_any_language(language: str, quoted: str) -> None:
    message = read(mail(f"{LUNCH}\n\n{INTROS[language]}\n\n{quoted}\n", subject="Re: Sunday"))
    assert (message.body, message.notes) == (LUNCH, ["quoted reply left out"])


@pytest.mark.parametrize("language", INTROS)
def test_the_announcement_may_be_wrapped(language: str) -> None:
    intro = INTROS[language].replace(" <", "\n<").replace(" (", "\n(")
    assert trim(f"{LUNCH}\n\n{intro}\n> {INVOICE}")[0] == LUNCH


@pytest.mark.parametrize("language", BLOCKS)
@pytest.mark.parametrize("rule", ["", "________________________________\n"])
def test_the_fields_of_an_earlier_message_in_any_language(language: str, rule: str) -> None:
    body = f"{LUNCH}\n\n{rule}{block(BLOCKS[language])}\n\n{INVOICE}"
    assert trim(body) == (LUNCH, ["quoted reply left out"])
    assert trim(body, forwarded=True)[0].endswith(INVOICE)


@pytest.mark.parametrize("form", ["*{}:* {}", "{} : {}", "{}：{}", "{}:\t{}"])
def test_fields_in_other_dress(form: str) -> None:
    fields = [
        form.format(*pair) for pair in (("From", "m@example.com"), ("Sent", "today"), ("To", "Dana"), ("Subject", "x"))
    ]
    assert trim(f"{LUNCH}\n\n" + "\n".join(fields) + f"\n\n{INVOICE}")[0] == LUNCH


def test_a_long_list_of_recipients_wraps() -> None:
    fields = (
        "From: Ann <ann@example.org>\nSent: Monday\nTo: Bob <b@example.org>;\n Carl <c@example.org>;\n Dora\nSubject: x"
    )
    assert trim(f"Fine.\n\n{fields}\n\nTuesday?")[0] == "Fine."


@pytest.mark.parametrize("language", phrases.ORIGINAL)
def test_the_line_over_an_earlier_message_in_any_language(language: str) -> None:
    for phrase in phrases.ORIGINAL[language]:
        for line in (
            f"-----{phrase.capitalize()}-----",
            f"------- {phrase.title()} -------",
            f"------------------ {phrase} ------------------",
        ):
            assert trim(f"{LUNCH}\n\n{line}\n{INVOICE}") == (LUNCH, ["quoted reply left out"])


@pytest.mark.parametrize("language", phrases.FORWARDED)
def test_a_forward_in_any_language_is_kept(language: str) -> None:
    for phrase in phrases.FORWARDED[language]:
        if not phrase.endswith((" by", " von", " par", " por", " da", " door")):
            assert INVOICE in trim(f"FYI\n\n---------- {phrase.capitalize()} ---------\nx: y\n\n{INVOICE}")[0]
    for phrase in phrases.BEGIN_FORWARDED.get(language, ()):
        assert INVOICE in trim(f"FYI\n\n{phrase.capitalize()}:\n\n> {INVOICE}")[0]


@pytest.mark.parametrize("gateway", ["", "[EXT] ", "[EXTERNAL] ", "[External Sender] [SPAM?] ", "EXTERNAL: ", "(EXT) "])
@pytest.mark.parametrize(
    "prefix",
    [
        "FW:",
        "Fwd:",
        "WG:",
        "TR :",
        "RV:",
        "VB:",
        "VS:",
        "PD:",
        "ENC:",
        "转发：",
        "轉寄:",
        "転送:",
        "ΠΡΘ:",
        "Пересл:",
        "i:",
    ],
)
def test_a_subject_that_says_forward(gateway: str, prefix: str) -> None:
    subject = f"{gateway}{prefix} invoice"
    assert is_forward(subject)
    body = f"FYI, see below.\n\n{block(BLOCKS['en'])}\n\n{INVOICE}"
    assert from_fields(subject, body).body.endswith(INVOICE)
    assert from_fields(f"Re: {subject}", body).body == "FYI, see below."


@pytest.mark.parametrize(
    "subject", ["invoice", "Re: invoice", "[EXT] Re: FW: x", "I love you: a song", "[EXT] hello", ""]
)
def test_a_subject_that_does_not(subject: str) -> None:
    assert not is_forward(subject)


class TestTrim:
    def test_quoted_lines_and_their_introduction(self) -> None:
        body = "Yes, Tuesday suits me.\n\nOn Mon, 2 Mar 2026 at 10:00, Ann <a@example.org> wrote:\n> Tuesday?\n> Ann\n"
        assert trim(body) == ("Yes, Tuesday suits me.", ["quoted reply left out"])

    def test_an_answer_below(self) -> None:
        body = "On Mon, 2 Mar 2026, Ann Somebody\n<ann@example.org> wrote:\n> Tuesday?\n\nYes, fine."
        assert trim(body)[0] == "Yes, fine."

    @pytest.mark.parametrize(
        "intro",
        [
            "Ann wrote:",
            "Quoting Ann <a@example.org>:",
            "2026/3/5 Ann <a@example.org>",
            "Zitat von Ann <a@example.org>:",
        ],
    )
    def test_short_introductions_over_marked_lines(self, intro: str) -> None:
        assert trim(f"Fine.\n\n{intro}\n> Tuesday?")[0] == "Fine."

    @pytest.mark.parametrize(
        "mark",
        [
            "-----Original Message-----",
            "-----Ann/ORG wrote: -----",
            "-----Original Appointment-----",
            "From: Ann <ann@example.org>\nDate: Monday\nTo: Bob",
            "Gesendet: Montag, 2. März 2026\nVon: Ann <a@example.org>\nAn: Bob\nBetreff: x",
        ],
    )
    def test_what_follows_a_mark_is_quoted(self, mark: str) -> None:
        assert trim(f"Fine with me.\n\n{mark}\n\nIs Tuesday fine?")[0] == "Fine with me."

    def test_a_bare_forward_is_kept_whole(self) -> None:
        for body in (
            "> please pay the invoice",
            f"{block(BLOCKS['en'])}\n\nPlease pay.",
            f"-----Original Message-----\n{block(BLOCKS['de'])}\n\nPlease pay.",
            f"{INTROS['fr']}\n\nPlease pay.",
        ):
            assert trim(body) == (body, [])

    @pytest.mark.parametrize(
        "forward",
        [
            "---------- Forwarded message ---------\nFrom: Ann <a@example.org>\nDate: Monday\nSubject: pay\n"
            "To: <b@example.org>\n\nPlease pay.\n\n-- \nAnn",
            "-------- Forwarded Message --------\nSubject: pay\nDate: Monday\nFrom: Ann <a@example.org>\n"
            "To: b@example.org\n\nPlease pay.\n> the last one",
            "----- Forwarded by Ann/Acme on 03/05/2026 01:30 PM -----\n\nPlease pay.",
            "Begin forwarded message:\n\n> From: a@example.org\n> Date: Monday\n> To: b@example.org\n>\n> Please pay.",
            "> Begin forwarded message:\n>\n> From: a@example.org\n>\n> Please pay.",
        ],
    )
    def test_what_is_forwarded_is_kept(self, forward: str) -> None:
        wanted = forward.replace("-- \n", "--\n")
        assert trim(forward) == (wanted, [])
        assert trim(f"FYI\n\nSent from my phone\n\n{forward}") == (f"FYI\n\n{wanted}", [])
        assert trim(f"FYI\n-- \nBob\n\n{forward}") == (f"FYI\n{wanted}", ["signature left out"])

    def test_a_forward_within_quotes_is_quoted(self) -> None:
        body = "Done.\n\nOn Monday, 2 March, Ann wrote:\n> FYI\n>\n> Begin forwarded message:\n> Please pay."
        assert trim(body)[0] == "Done."

    @pytest.mark.parametrize(
        "body",
        [
            "Your trip is booked.\n\nFrom: Berlin Hbf\nTo: Paris Est\nDate: 3 May\n\nSeats 41 and 42.",
            "Hello,\nOn the table stands a vase:\nbye",
            "Hello,\nFrom: here to there is far\nbye",
            "Please bring on Monday, 2 March 2026:\n- the contract\n- the keys",
            "The minister said this in 2024:\n\nwe shall see.",
            "Dates to choose from:\n\n5 March 2026, 13:30\n6 March 2026, 13:30",
            "5 > 3",
            "Contact: Ann <ann@example.org>\nWhen: 5 March 2026 13:30\nRoom: 3\n\nPlease confirm.",
        ],
    )
    def test_ordinary_messages_stay(self, body: str) -> None:
        assert trim(f"Hello,\n{body}\nso long") == (f"Hello,\n{body}\nso long", [])


def test_a_line_that_announces_nothing() -> None:
    assert not is_intro("")
    assert not is_intro("See the following:")
    assert not is_intro("On 5 March 2026 at 13:30 we meet", quote_follows=False)
    assert not is_intro("x" * 500 + " wrote:")
