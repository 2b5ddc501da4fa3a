"""Explain an empty search result: why nothing was found, and what helps."""


def nothing_indexed(collection: str | None = None) -> str:
    """Say that no collection exists yet, and how to make one; `collection` may be several, or `*`."""
    name = collection if collection and not set(collection) & set("*, ") else "docs"
    return f"nothing is indexed yet; run `openclaw-instructor index add {name} FOLDER`"


def elsewhere(searched: list[str], known: list[str]) -> list[str]:
    """Say which collections were not searched, if there are any."""
    others = [f"`{name}`" for name in known if name not in searched]
    if not others:
        return []
    named = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    return [f"only {', '.join(searched)} was searched, not {named}; ask for the collection `*` to search all"]


def no_hits(searched: list[str], empty: bool, filters: list[str], stale: bool) -> str:
    """Say why these collections gave no hit: nothing is indexed, `filters` leave nothing, or nothing matched."""
    name = searched[0] if len(searched) == 1 else "NAME"
    if empty and not stale:
        return f"the index of {', '.join(searched)} is empty; run `openclaw-instructor index add {name} FOLDER`"
    if empty:
        return f"{', '.join(searched)}: no text is indexed yet; run `openclaw-instructor index sync {name}`"
    if filters:
        return f"nothing passed the filters and matched; widen {' or '.join(f'`{name}`' for name in filters)}"
    return (
        f"nothing in {', '.join(searched)} matched; use other words, or add documents: "
        f"`openclaw-instructor index add {name} FOLDER`"
    )
