"""A task that a user might add, and a text for it."""

TICKET = {
    "kind": "classify",
    "description": "Sort a support ticket into bug or question.",
    "instruction": "Represent the support ticket for classifying its topic:",
    "abstain_below": 0.0,
    "labels": [
        {"name": "bug", "description": "something crashes or is broken", "examples": ["The app crashes on start."]},
        {"name": "question", "description": "how to do something", "examples": ["How do I change my name?"]},
    ],
}
CRASH = {"text": "The app crashes when I open it."}
