"""The area of research that a task belongs to: the one that the taxonomy that ships gives most of its labels,
else the first rule that fits the words of its name. Tasks that neither knows are "Other"."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache

from tdm_ray.taxonomy.sources import read_taxonomy

OTHER = "Other"
# Areas of the taxonomy whose name on pages is another one.
_NAMES = {
    "vision": "Computer vision",
    "language": "Natural language",
    "speech": "Speech and audio",
    "music and audio": "Speech and audio",
    "medicine": "Medicine and biology",
    "biology": "Medicine and biology",
    "graphs": "Graphs and knowledge",
    "reinforcement learning": "Games and control",
    "learning methods": "Methods",
}
_RULES = {
    "Medicine and biology": (
        r"medical|clinical|biomed|disease|covid|cancer|tumou?r|lesion|nuclei|retina|brain|cell\b|ecg|eeg|"
        r"protein|molecul|drug|chem|gene\b|genom|mri\b|x-ray|polyp|skin|sleep|patholog|histo"
    ),
    "Speech and audio": (r"speech|speaker|audio|music|sound|voice|acoustic|keyword spotting|singing|phoneme"),
    "Code": (r"\bcode\b|program|sql|software"),
    "Graphs and knowledge": (
        r"graph|node|link prediction|knowledge|entity alignment|ontolog|community detection|relational"
    ),
    "Games and control": (
        r"game|atari|reinforcement|continuous control|robot|imitation|starcraft|\bgo\b|navigation|\brl\b|"
        r"offline"
    ),
    "Recommendation": (r"recommend|collaborative|click-through|session-based|matrix completion"),
    "Time series": (
        r"time series|forecast|anomaly|traffic prediction|trajectory|imputation|activity recognition"
    ),
    "Computer vision": (
        r"image|imagenet|video|visual|vision|object|pose|segment|scene|face|facial|depth|optical flow|stereo|"
        r"3d|point cloud|pixel|action|gaze|pedestrian|crowd|person|vehicle|lane|super-resolution|denois|"
        r"deblur|derain|dehaz|inpaint|saliency|edge detection|captioning|ocr|character recognition|handwrit|"
        r"gesture|hand\b|texture|camera|photo|sketch|gan\b|homography|keypoint|detection|tracking|"
        r"re-identification|style transfer|colou?r|visual|lip|driving|matting|slam|localization|fashion|"
        r"anime|layout|font|landmark|view synthesis|aesthetic|emotion recognition|metric learning|"
        r"few-shot learning|zero-shot learning|compression|geo"
    ),
    "Natural language": (
        r"language|text|translation|question|answer|reading comprehension|sentiment|sentence|parsing|"
        r"named entity|\bner\b|summari[sz]|dialog|conversation|semantic|entail|inference|word|"
        r"relation extraction|coreference|paraphras|document|discourse|grammat|part-of-speech|\bpos\b|"
        r"tagging|topic|linguistic|chunking|lemmati|morpholog|event|fact|fake|stance|hate|intent|slot|"
        r"retriev|ranking|argument|common ?sense|humou?r|sarcasm|irony|bias|author|news|citation|amr|ccg|"
        r"lexical|transliteration|emotion|reasoning|search|query|spelling|data-to-text|entity|mention|"
        r"opinion|toxic|bert|nlp"
    ),
    "Methods": (
        r"learning|classification|cluster|regression|density|generation|architecture|network|quanti[sz]|prun|"
        r"distill|adversar|domain adaptation|optimi[sz]|hyperparameter|outlier|out-of-distribution|"
        r"calibration|uncertainty|privacy|fairness|causal|feature|tabular|hashing|sequential|representation|"
        r"model|attack|defen[cs]e|label|embedding|generali[sz]ation|theorem"
    ),
}


@cache
def area_of(task: str) -> str:
    """The area of a task; `OTHER` where neither the taxonomy nor a rule knows it."""
    by_rule = (area for area, words in _RULES.items() if re.search(words, task, re.IGNORECASE))
    return _known().get(task) or next(by_rule, OTHER)


@cache
def _known() -> dict[str, str]:
    """The areas of the tasks of the taxonomy that ships."""
    areas: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for label in read_taxonomy().labels:
        areas[label.tdm.task][label.area] += 1
    most = {task: max(counts, key=lambda area: counts[area]) for task, counts in areas.items()}
    return {task: _NAMES.get(area, area.capitalize()) for task, area in most.items() if area}
