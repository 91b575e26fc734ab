"""What a report of sounds shows beyond the common pages: the recordings, surprises seen, and errors by speaker."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, heading, note, prose, table
from likeliest.report.formatting import duration, number, percent, percent_span, plural, short, tail
from likeliest.report.schema import Data, Heard, ProblemCount, Report, SizeCurve, SoundData, SpeakerScores, TextCounts

PEOPLE = 20
"""Speakers listed; report.json has them all."""
WORDS = 12
"""Words listed."""


def at_a_glance(data: Data) -> list[Block]:
    """How much there is to hear, who speaks, what is said, and what was not as expected."""
    page = data["sounds"]
    blocks = [
        prose(f"Together the recordings last {duration(page['duration'])}.", _rates(page), _heard(page)),
        figure("durations", f"How long recordings are: {plural(sum(page['durations']['counts']), 'recording')}."),
        *_speakers(page),
    ]
    if "texts" in page:
        blocks += _texts(page["texts"])
    if page["problems"]:
        rows = [_problem(found) for found in page["problems"]]
        head = ["found", "recordings", "done", "such as"]
        blocks.append(table(head, rows, "What was not as expected.", text=4, wide=3))
    return blocks


def _rates(page: SoundData) -> str:
    listed = [f"{number(found['rate'])} ({number(found['count'])})" for found in page["rates"][:6]]
    return f"In the source they have {', '.join(listed)} samples a second;"


def _heard(page: SoundData) -> str:
    clip = "" if page["clip"] is None else f", each as a clip of {number(page['clip'], 3)} seconds"
    return f"the models hear {number(page['rate'])} a second{clip}."


def _speakers(page: SoundData) -> list[Block]:
    if page["speakers"] is None:
        text = "No speakers are known. If somebody speaks in training and in test recordings, the scores flatter."
        return [note(f"{text} A column called speaker would tell.", good=False)]
    found = page["speakers"]
    rest = len(found) - PEOPLE
    rows = [
        [short(one["name"], 40), number(one["train"]), number(one["validation"]), number(one["test"])]
        for one in found[:PEOPLE]
    ]
    caption = "Recordings by speaker and role." + (f" {rest} more speakers are listed in report.json." * (rest > 0))
    blocks = [table(["speaker", "training", "validation", "test"], rows, caption)]
    if not page["strangers"]:
        text = "Speakers of test recordings were learnt from too: strangers will be understood less well than this."
        blocks.append(note(text, good=False))
    return blocks


def _texts(page: TextCounts) -> list[Block]:
    commonest = ", ".join(f"“{short(one['word'], 30)}” ({number(one['count'])})" for one in page["commonest"][:WORDS])
    unseen = (
        "Every word of the test texts stands in some text that was learnt from."
        if not page["unseen"]
        else f"{plural(page['unseen'], 'word')} of the test texts {'stands' if page['unseen'] == 1 else 'stand'} in no "
        "text that was learnt from."
    )
    different = page["different"]
    return [
        prose(
            f"The {'text' if different == 1 else f'{number(different)} different texts'} hold",
            f"{plural(page['words'], 'word')}, {number(page['vocabulary'])} of them different, and the longest has",
            f"{plural(page['longest'], 'word')}. The commonest are {commonest}. {unseen}",
        )
    ]


def _problem(found: ProblemCount) -> list[str]:
    names = ", ".join(short(name, 60) for name in found["names"])
    return [found["reason"], number(found["count"]), found["done"], names]


def surprises(report: Report) -> list[Block]:
    """The recordings that go with the table of surprises."""
    if "sounds" not in report or not report["sounds"]["surprises"]:
        return []
    texts = [heard for heard in report["sounds"]["surprises"] if heard["frames"] is not None]
    if not texts:
        caption = (
            "The most surprising recordings, of one word taken for another two at most, the louder the darker. Under "
            "each the words that the model holds for likeliest; the true one in blue."
        )
        return [figure("surprising_words", caption)]
    return [
        prose(
            "For the first of them there is the sound, the louder the darker, and under it how probable each label is",
            "over time. At the bottom stand both texts where the model most probably hears them: mistakes in orange.",
        ),
        *(figure(f"utterance_{place}", _utterance(heard)) for place, heard in enumerate(texts, 1)),
    ]


def _utterance(heard: Heard) -> str:
    speaker = "" if heard["speaker"] is None else f", {short(heard['speaker'], 24)}"
    what = f"“{short(heard['observed'], 80)}” understood as “{short(heard['understood'], 80)}”"
    return f"{what} ({tail(heard['file'], 40)}{speaker}; NLL {number(heard['nll'], 3)})."


def listening(report: Report) -> list[Block]:
    """What the net listens to."""
    if "sounds" not in report or not report["sounds"]["listening"]:
        return []
    stretch = number(report["sounds"]["stretch"], 2)
    return [
        heading("What the net listens to"),
        prose(
            f"A stretch of {stretch} seconds is silenced, place by place, and the net is asked again. Where that",
            "lowers the log-probability of the word named the curve is below 0: the net relied on what was there.",
            "Where it raises it, what was there spoke against.",
        ),
        figure("listening", "Test words, and under each what silence around a moment does to log p, in nats."),
    ]


def reading(report: Report) -> list[Block]:
    """How texts are read from frames."""
    page = report["sounds"]["reading"] if "sounds" in report else None
    if page is None:
        return []
    rows = [
        [trial["name"], number(trial["errors"]), number(trial["words"]), _rate(trial["errors"], trial["words"])]
        for trial in page["trials"]
    ]
    strong = next((i for i, trial in enumerate(page["trials"]) if trial["name"] == page["chosen"]), -1)
    ends = "" if page["plain_interval"] is None else f" (95 %: {percent_span(page['plain_interval'])})"
    caption = f"Ways to read {plural(page['rows'], 'validation recording')}; the chosen one in bold."
    return [
        heading("How frames are read"),
        prose(
            "The model says of each frame how probable each label is. A lexicon knows the words of the texts learnt",
            "from and allows no others; a language model knows which of them follow each other there. From the frames",
            f"alone, without either, {percent(page['plain_wer'])} of the test words are misunderstood{ends}.",
        ),
        table(["reading", "wrong", "words", "word error rate"], rows, caption, strong=strong),
    ]


def _rate(errors: int, length: int) -> str:
    return percent(errors / length if length else None)


def speakers(report: Report) -> list[Block]:
    """Errors by speaker."""
    page = report["sounds"]["speakers"] if "sounds" in report else None
    if page is None or not any(score["length"] for score in page["speakers"]):
        return []
    return [heading("Who is understood how well"), prose(_spread(page)), figure("speakers", _caption(page))]


def _spread(page: SpeakerScores) -> str:
    what = "recordings are misunderstood" if page["unit"] == "recording" else "words are misunderstood"
    whole = f"Of all test speakers together {percent(page['rate'])} of the {what}."
    if page["interval"] is None:
        return f"{whole} With one speaker nothing can be said of others."
    return (
        f"{whole} For speakers like these the 95 % interval of the rate is {percent_span(page['interval'])} "
        f"({page['interval_method']}): speakers differ, and few of them tell little of others."
    )


def _caption(page: SpeakerScores) -> str:
    band = "" if page["interval"] is None else " and, shaded, its 95 % interval over speakers"
    return f"Each test speaker with a 95 % interval ({page['method']}). Dashed: all together{band}."


def sizes(report: Report) -> list[Block]:
    """What more data would bring."""
    page = report["sounds"]["sizes"] if "sounds" in report else None
    if page is None:
        return []
    return [
        heading("Would more data help?"),
        prose(
            "The net learnt anew from a part of the training rows, then from more of them, then from all, each time in",
            f"as many steps and with {percent(page['work'])} of the budget of the net above, so that its numbers are",
            "worse. What counts is the slope: where it still falls at the right end, more recordings of this kind will",
            "help. The parts are drawn at random from all speakers, so this says nothing of more speakers.",
        ),
        figure("sizes", f"Held-out NLL and errors by training rows, with 95 % intervals ({page['method']})."),
        _sizes(page),
    ]


def _sizes(page: SizeCurve) -> Block:
    rows = [
        [
            number(point["rows"]),
            number(point["passes"], 3),
            number(point["nll"]),
            percent(point["error"]),
            "" if point["error_interval"] is None else percent_span(point["error_interval"]),
        ]
        for point in page["points"]
    ]
    error = "misunderstood" if page["unit"] == "recording" else "word error rate"
    head = ["training rows", "passes", "NLL test", error, "95 % interval"]
    return table(head, rows, "The same in numbers.")
