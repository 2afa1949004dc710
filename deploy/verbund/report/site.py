# SPDX-License-Identifier: EUPL-1.2
"""The pages: one self-contained HTML file per language that opens from disk and asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
import yaml
from markupsafe import Markup

from verbund.baseline.coverage import Coverage, Status, require_coverage
from verbund.errors import UsageError
from verbund.report.data import LETTERS, NAME, embed, encode
from verbund.report.summary import ChangeKind, Light, Summary
from verbund.text import one_line

if TYPE_CHECKING:
    from verbund.baseline.results import Results, Verdict

LANGUAGES = ("de", "en")
_LISTED = 5
_STATUS_LETTERS = {Status.AUTOMATED: "a", Status.PARTIAL: "p", Status.MANUAL: "m", Status.NOT_APPLICABLE: "n"}


class Words:
    """The report's words in one language.

    Args:
        texts: this language's part of ``texts.yml``.
    """

    def __init__(self, texts: Mapping[str, Any]) -> None:
        self.texts = texts

    def say(self, key: str, n: int | None = None, **values: object) -> str:
        """A text with its blanks filled in; ``n`` picks singular or plural where there are both."""
        text = self.texts[key]
        if isinstance(text, list):
            text = text[0 if n == 1 else 1]
        filled = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
        return str(text.format(n="" if n is None else self.number(n), **filled))

    def number(self, value: int) -> str:
        """A whole number with the language's thousands separator."""
        return f"{value:,}".replace(",", self.texts["thousands"])

    def day(self, value: date) -> str:
        """A date in full."""
        return self.say("date", day=str(value.day), month=self.texts["months"][value.month - 1], year=str(value.year))

    def moment(self, value: datetime) -> str:
        """A point in time; the zone is the one recorded, so that a page does not depend on where it is written."""
        zone = value.tzname()
        return self.say("moment", date=self.day(value), time=f"{value:%H:%M}", zone=f" ({zone})" if zone else "")

    def hero(self, summary: Summary) -> str:
        """The one sentence that a reader takes away."""
        hosts, good = summary.total.hosts, summary.total.lights[Light.GOOD]
        if hosts == 0:
            return self.say("hero_none")
        if hosts == 1:
            return self.say("hero_single_good" if good else "hero_single_bad")
        if good == hosts:
            return self.say("hero_all", hosts)
        return self.say("hero_zero", hosts) if good == 0 else self._part(good, hosts)

    def _part(self, good: int, hosts: int) -> str:
        form = self.texts["hero"][0 if good == 1 else 1]
        return str(form.format(k=self.number(good), n=self.number(hosts)))

    @property
    def verdicts(self) -> dict[Verdict, str]:
        """The name of each verdict."""
        return {verdict: self.texts["verdicts"][letter] for verdict, letter in LETTERS.items()}


class Site:
    """The templates and the coverage, read once.

    Args:
        templates: the directory that holds ``page.html.j2``, ``report.css``, ``report.js`` and ``texts.yml``.

    Raises:
        UsageError: one of them is missing.
        InputError: the coverage file of this release is damaged.
    """

    def __init__(self, templates: Path) -> None:
        try:
            texts = yaml.safe_load((templates / "texts.yml").read_text(encoding="utf-8"))
            self._style = (templates / "report.css").read_text(encoding="utf-8")
            self._script = (templates / "report.js").read_text(encoding="utf-8")
            self._environment = jinja2.Environment(
                loader=jinja2.FileSystemLoader(templates),
                autoescape=True,
                undefined=jinja2.StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
            )
            self._template = self._environment.get_template("page.html.j2")
        except (OSError, jinja2.TemplateNotFound) as error:
            raise UsageError(
                f"the report's templates are not complete in {templates}: {error}",
                "run the command in a complete checkout; `git status` shows what is missing",
            ) from error
        self.words = {lang: Words(texts[lang]) for lang in LANGUAGES}
        self._coverage = require_coverage()

    def pages(self, results: Results, previous: Results | None, summary: Summary) -> dict[str, bytes]:
        """The pages by language.

        Args:
            results: the run to show.
            previous: the run that ``summary`` compares with.
            summary: both, counted and compared.
        """
        data = encode(summary, results.run, previous.run if previous else None)
        return {lang: self._page(lang, results, previous, summary, data) for lang in LANGUAGES}

    def _page(self, lang: str, results: Results, previous: Results | None, summary: Summary, data: str) -> bytes:
        words = self.words[lang]
        titles = [one_line(c.title.de if lang == "de" else c.title.en, 200) for c in summary.controls]
        names = {key: words.texts[key] for key in ("verdicts", "lights", "title")}
        local = embed(
            {"lang": lang, "titles": titles, "coverage": _modules(self._coverage, lang), **names, **words.texts["ui"]}
        )
        page = self._template.render(
            lang=lang,
            w=words,
            t=words.texts,
            run=results.run,
            previous=previous.run if previous else None,
            s=summary,
            titles={control.id: title for control, title in zip(summary.controls, titles, strict=True)},
            letters=LETTERS,
            lights=list(Light),
            kinds=list(ChangeKind),
            listed=_LISTED,
            short=one_line,
            part=_part,
            bar=_bar,
            tally=_tally(summary),
            # Ours, or encoded by `embed`: nothing of a host goes through here as markup.
            style=Markup(self._style),  # noqa: S704
            script=Markup(self._script),  # noqa: S704
            style_hash=_hash(self._style),
            script_hash=_hash(self._script),
            data=Markup(data),  # noqa: S704
            local=Markup(local),  # noqa: S704
        )
        return page.encode()


def _modules(coverage: Coverage, lang: str) -> list[list[Any]]:
    """The coverage in short form: ``[id, title, classes, others, why not those, requirements]`` per module.

    A requirement is ``[id, level, title, [[classes, status, who answers, text], ...]]``.
    """
    german = lang == "de"
    return [
        [
            *(module.id, module.title, module.classes, module.others),
            (module.elsewhere.de if german else module.elsewhere.en) if module.elsewhere else "",
            [
                [
                    *(requirement.id, requirement.bsi.level, requirement.bsi.title),
                    [
                        [
                            *(standing.classes, _STATUS_LETTERS[standing.status]),
                            standing.answer if german else coverage.answers.get(standing.answer, ""),
                            standing.de if german else standing.en,
                        ]
                        for standing in requirement.standings
                    ],
                ]
                for requirement in module.requirements
            ],
        ]
        for module in coverage.modules
    ]


def _hash(text: str) -> str:
    """The source expression by which a Content-Security-Policy allows exactly this text (CSP Level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _part(name: str) -> str:
    """A part of a page's own address; the script looks names up as `encode` wrote them."""
    return quote(one_line(name, NAME), safe="")


def _tally(summary: Summary) -> list[dict[str, Any]]:
    """Verdicts of each host, in the order of `LETTERS`, for readers without scripts."""
    rows = []
    for host in summary.hosts:
        counts = Counter(result.verdict for result in host.results)
        rows.append({"host": host, "counts": [counts[verdict] for verdict in LETTERS]})
    return rows


def _bar(lights: Mapping[Light, int]) -> list[tuple[Light, float, float]]:
    """Segments of a bar as (light, start, width) in percent."""
    total = sum(lights.values())
    segments = []
    start = 0.0
    for kind in reversed(Light):
        width = 100 * lights[kind] / total if total else 0.0
        if width:
            segments.append((kind, round(start, 2), round(width, 2)))
        start += width
    return segments
