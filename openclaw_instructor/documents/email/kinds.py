"""Recognise automatic mail by its headers.

Delivery reports (RFC 3464), automatic replies (RFC 3834), mailing lists and bulk mail (RFC 2369, RFC 2919, RFC 8058).
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, get_args

from openclaw_instructor.documents.email.headers import Headers
from openclaw_instructor.documents.email.mime import Part

Kind: TypeAlias = Literal[
    "", "bounce", "delay", "delivery_receipt", "read_receipt", "abuse_report", "auto_reply", "list", "bulk", "automatic"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

SENTENCES: dict[Kind, str] = {
    "bounce": "it is a delivery report: a mail server says that a message did not arrive",
    "delay": "it is a delivery report: a mail server says that a message is late",
    "delivery_receipt": "it is a delivery report: a mail server says that a message arrived",
    "read_receipt": "it is a receipt: a mail program says what became of a message",
    "abuse_report": "it is a report of a mail provider on a message",
    "auto_reply": "it is an automatic reply, such as an out-of-office notice",
    "list": "it came through a mailing list",
    "bulk": "it is bulk mail, sent to many",
    "automatic": "a program sent it by itself",
}

_REPORTS: dict[str, Kind] = {
    "disposition-notification": "read_receipt",
    "feedback-report": "abuse_report",
}
_ACTIONS: dict[str, Kind] = {"failed": "bounce", "delayed": "delay", "delivered": "delivery_receipt",
                             "relayed": "delivery_receipt", "expanded": "delivery_receipt"}  # fmt: skip
_ACTION = re.compile(rb"^action[ \t]*:[ \t]*([a-z]{4,20})", re.IGNORECASE | re.MULTILINE)
_DAEMON = re.compile(r"^(?:mailer-daemon|postmaster|mail-daemon|mdaemon|double-bounce)@", re.IGNORECASE)
_UNDELIVERED = re.compile(
    r"undeliver|delivery (?:status|failure|has failed|incomplete|notification)|returned mail|mail delivery|"
    r"failure notice|could not be delivered|unzustellbar|non remis|échec de (?:la )?remise|no se puede entregar|"
    r"no entregado|non recapitabile|mancato recapito|onbestelbaar|niet afgeleverd|não entregue|falha na entrega|"
    r"niedostarczon|nedoručiteln|kan inte levereras|kan ikke leveres|toimittaminen epäonnistui|не доставлен|"
    r"kézbesíthetetlen|teslim edilemedi|配信不能|未达|退信|無法傳遞|배달되지|반송",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"^(?:automatic reply|auto(?:-| |matic )?(?:reply|response)|autoreply|out of (?:the )?office|ooo\b|abwesen|"
    r"automatische antwort|autoantwort|réponse automatique|absence du bureau|respuesta automática|fuera de la oficina|"
    r"resposta automática|ausência|risposta automatica|fuori sede|automatisch antwoord|afwezig|autosvar|"
    r"automatiskt svar|"
    r"automatisk svar|automaattinen vastaus|poissa|automatyczna odpowiedź|odpowiedź automatyczna|automatická odpov|"
    r"automatikus válasz|răspuns automat|автоматический ответ|автоответ|автоматична відповідь|автоматичен отговор|"
    r"αυτόματη απάντηση|otomatik yanıt|automatski odgovor|samodejni odgovor|automātiska atbilde|automatinis atsak|"
    r"automaatvastus|תשובה אוטומטית|رد تلقائي|پاسخ خودکار|自動応答|自動返信|自动答复|自动回复|自動回覆|자동 "
    r"회신|부재|ตอบกลับอัตโนมัติ|"
    r"trả lời tự động|balasan otomatis)",
    re.IGNORECASE,
)
_AUTO_REPLY_FIELDS = ("x-autoreply", "x-autorespond", "x-autoreply-from", "x-mail-autoreply", "x-autoresponder")
_BULK_FIELDS = (
    "list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id", "x-campaign", "x-campaignid",
    "x-mailgun-tag", "x-csa-complaints", "x-mc-user", "x-sg-eid", "x-mailer-recptid",
)  # fmt: skip
LIST_FIELDS = (
    "list-id", "list-unsubscribe", "list-unsubscribe-post", "list-post", "list-help", "list-subscribe", "list-owner",
    "list-archive", "precedence", "feedback-id",
)  # fmt: skip


def kind_of(message: Part, subject: str) -> Kind:
    """Return the kind of automatic mail; "" for mail that a person may have written to this reader."""
    headers = message.headers
    reported = _report(message, headers)
    if reported:
        return reported
    automatic = headers.raw("auto-submitted").strip().partition(";")[0].strip().lower()
    if "x-failed-recipients" in headers or _is_undelivered(headers, subject):
        return "bounce"
    if automatic.startswith("auto-replied") or _is_auto_reply(headers, subject):
        return "auto_reply"
    precedence = headers.raw("precedence").strip().lower()
    if (
        precedence == "list"
        or "mailing-list" in headers
        or headers.text("list-post", 200).strip("<> ").startswith("mailto:")
    ):
        return "list"
    if precedence in ("bulk", "junk") or any(name in headers for name in _BULK_FIELDS):
        return "bulk"
    return "automatic" if automatic.startswith("auto-") else ""


def _report(message: Part, headers: Headers) -> Kind:
    report = headers.parameter("report-type").lower() if message.content_type == "multipart/report" else ""
    if report in _REPORTS:
        return _REPORTS[report]
    for part in message.children:
        if part.content_type in ("message/delivery-status", "message/global-delivery-status"):
            found = _ACTION.search(part.decoded(20_000))
            return _ACTIONS.get(found[1].decode().lower(), "bounce") if found else "bounce"
        if part.content_type == "message/disposition-notification":
            return "read_receipt"
    return "bounce" if report == "delivery-status" else ""


def _is_undelivered(headers: Headers, subject: str) -> bool:
    """Check for an unstructured delivery report of an old server, by its sender: a daemon or nobody."""
    nobody = headers.raw("return-path").strip() == "<>"
    daemon = _DAEMON.match(headers.address("from")) is not None
    return (daemon or nobody) and _UNDELIVERED.search(subject[:300]) is not None


def _is_auto_reply(headers: Headers, subject: str) -> bool:
    if any(headers.raw(name).strip().lower() not in ("", "no") for name in _AUTO_REPLY_FIELDS):
        return True
    if headers.raw("precedence").strip().lower() in ("auto_reply", "auto-reply"):
        return True
    marked = (
        "auto-submitted" in headers
        or "x-auto-response-suppress" in headers
        or headers.raw("return-path").strip() == "<>"
    )
    return marked and _AWAY.match(subject[:300].lstrip(" [(")) is not None
