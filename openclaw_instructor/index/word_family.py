"""Forms of a word that a suffix stemmer keeps apart: `pay` and `paid`, `roof` and `roofer`, `groesser` and `größer`.

They are looked for only where the word of the query stands nowhere: beside it they would take weight from it. Forms
that are common words of another meaning (`rose`, `left`, `number`) are not here, because they would find these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_IRREGULAR = """
arise arose arisen; awake awoke; beat beaten; become became; begin began begun; bend bent; bite bitten; bleed bled;
blow blew blown; break broke broken; breed bred; bring brought; build built; buy bought; catch caught;
choose chose chosen; creep crept; deal dealt; dig dug; draw drew drawn; dream dreamt; drink drank drunk;
drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt; fight fought; find found; flee fled;
fly flew flown; forbid forbade forbidden; forget forgot forgotten; forgive forgave forgiven; freeze froze frozen;
give gave given; go went gone; grow grew grown; hang hung; hear heard; hide hid hidden; hold held; keep kept;
kneel knelt; know knew known; lead led; leap leapt; learn learnt; lend lent; lose lost; make made; mean meant; meet met;
mow mown; pay paid; ride rode ridden; ring rang rung; run ran; say said; see seen; seek sought; sell sold; send sent;
sew sewn; shake shook shaken; shine shone; shoot shot; show shown; shrink shrank shrunk; sing sang sung; sink sank sunk;
sleep slept; slide slid; sow sown; speak spoke spoken; spell spelt; spend spent; spill spilt; spin spun; stand stood;
steal stole stolen; stick stuck; sting stung; strike struck; swear swore sworn; sweep swept; swim swam swum;
swing swung; take took taken; teach taught; tear tore torn; tell told; think thought; throw threw thrown;
understand understood; wake woke woken; wear wore worn; weave wove woven; weep wept; win won;
withdraw withdrew withdrawn; write wrote written;
child children; foot feet; goose geese; man men; woman women; mouse mice; tooth teeth; person people; leaf leaves;
life lives; wife wives; knife knives; half halves; shelf shelves; loaf loaves; wolf wolves; calf calves; thief thieves;
index indices; vertex vertices; matrix matrices; criterion criteria
"""
_GROUPS = [group.split() for group in _IRREGULAR.split(";")]
_FORMS = {form: tuple(group) for group in _GROUPS for form in group}
_UNRELATED = frozenset(
    re.findall(
        r"\w+",
        """
    butter center charter corner cover eager finger flower former hunger later liver manner master matter number paper
    pepper poster prayer proper shower silver sober tender temper tower under
        """,
    )
)
# The stemmer itself takes `er` off longer words.
_SHORT = re.compile("[^aeiouy]*[aeiouy]+[^aeiouy]+e?")
_LEAST_BASE = 4
_ENDING = re.compile("(?:ing|ed|s)$")
_UMLAUT = re.compile("([aou])e")
_DOUBLED = re.compile(r"([bdgklmnprt])\1$")


def relatives(word: str) -> tuple[str, ...]:
    """List other words of the same family as a folded word, if it has any."""
    if not word.isascii() or not word.isalpha():
        return ()
    bases = tuple(dict.fromkeys(_bases(word)))
    found = [form for base in bases for form in (*_FORMS.get(base, ()), *_agents(base))]
    # Folding leaves `o` of `ö`, and who has no such key writes `oe`.
    found.append(_UMLAUT.sub(r"\1", word))
    return tuple(form for form in dict.fromkeys(found) if form not in bases)


def _bases(word: str) -> Iterator[str]:
    """Yield a word and what it may be an inflection of."""
    yield word
    bare = _ENDING.sub("", word)
    if bare != word and len(bare) > 1:
        yield bare
        if not word.endswith("s"):
            yield from (f"{bare}e", *([bare[:-1]] if _DOUBLED.search(bare) else []))


def _agents(base: str) -> Iterator[str]:
    """Yield who or what does something for what is done, and the other way round."""
    if base.endswith("er"):
        bare = base[:-2]
        verbs = (bare, f"{bare}e", *([bare[:-1]] if _DOUBLED.search(bare) else []))
        if base not in _UNRELATED:
            yield from (verb for verb in verbs if len(verb) >= _LEAST_BASE and _SHORT.fullmatch(verb))
    elif len(base) >= _LEAST_BASE and _SHORT.fullmatch(base):
        agent = f"{base}r" if base.endswith("e") else f"{base}er"
        if agent not in _UNRELATED:
            yield agent
