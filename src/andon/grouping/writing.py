"""Ways of writing: texts beyond ASCII in one form, so that what looks the same is the same text.

Composed and decomposed letters (NFC and NFD), wide and narrow forms, the digits of other scripts, look-alike brackets,
quotes and dashes become their plain forms. Signs of scripts that put no space between words (Chinese, Japanese, Thai)
are set apart from the letters and digits they touch, so that a number in a sentence is a word of its own.
"""

from __future__ import annotations

import re
import unicodedata

from andon.core.late_patterns import late

#: Character ranges (for use in a class) of scripts whose signs never belong to a Latin word or a number beside them:
#: those of India and South-East Asia with their vowel signs, Chinese, Japanese and Korean.
SIGNS = (
    "\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f"
    "\u3031-\u303a\u3041-\u309f\u30a1-\u30fa\u30fc-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\U00020000-\U000323af"
)
#: Stands between a sign and the letter or digit beside it while a text is masked: white space to every expression,
#: and nothing to the eye.
SEAM = "\u200a"

# What may belong to a word, a number or a path.
_JOINING = r"A-Za-z0-9_.\-/\\@$~+#"
_SEAMS = late(rf"(?<=[{SIGNS}])(?=[{_JOINING}])|(?<=[{_JOINING}])(?=[{SIGNS}])")
_HAS_SIGNS = late(f"[{SIGNS}]")
# Digits other than ASCII's; what has another form or looks like something else, in runs: a mark may be a character.
_ODD = late(
    "[^\\D0-9]+|[\u00a0\u00ab\u00ad\u00bb\u2000-\u201f\u2026-\u202f\u2032\u2033\u2039\u203a\u205f-\u2069\u2100-\u214f\u2212"
    "\u2460-\u249b\u27e8\u27e9\u3000-\u3002\u3008-\u301f\u30fb\u3200-\u33ff\ufb00-\ufb06\ufe58\ufe63\ufeff\uff00-\uffef]+"
)
_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹘﹣", "-"),
        **dict.fromkeys("«»“”„‟″〝〞〟", '"'),
        **dict.fromkeys("‘’‚‛′‹›", "'"),
        **dict.fromkeys("【〔「『《〈〖〘〚⟨", "["),
        **dict.fromkeys("】〕」』》〉〗〙〛⟩", "]"),
        **dict.fromkeys("、・", ","),
        "。": ".",
        **dict.fromkeys(
            map(chr, (0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)), ""
        ),
    }
)


def plain(text: str) -> str:
    """``text`` in its plain form; what is ASCII already is not looked at.

    >>> plain("第３轴：【过载】").replace(SEAM, "|")
    '第|3|轴:[过载]'
    """
    if text.isascii():
        return text
    text = _ODD.sub(_as_plain, unicodedata.normalize("NFC", text))
    return _SEAMS.sub(SEAM, text) if _HAS_SIGNS.search(text) else text


def _as_plain(match: re.Match[str]) -> str:
    found = match[0]
    if found[0].isdecimal():
        return "".join(str(unicodedata.decimal(digit)) for digit in found)
    return unicodedata.normalize("NFKC", found).translate(_LOOKALIKES)
