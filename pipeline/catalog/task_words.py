"""Words for the tasks of models: what people search for, and what names of models say. Pure.

The tasks are those of Hugging Face's hub where it has the task, else those of this zoo.
"""

import re
from collections.abc import Mapping

TASK_WORDS: Mapping[str, tuple[str, ...]] = {
    "age-estimation": ("age", "years"),
    "audio-classification": ("sound", "noise", "yamnet", "vggish", "keyword", "speech commands"),
    "audio-transcription": ("music", "notes", "midi", "pitch"),
    "automatic-speech-recognition": ("speech to text", "stt", "asr", "whisper", "transcribe"),
    "background-removal": ("matting", "cutout", "selfie"),
    "depth-estimation": ("depth", "midas", "distance", "3d"),
    "embedding": ("feature-extraction", "features", "similarity", "vector", "reid"),
    "face-antispoofing": ("liveness", "spoof", "fake face"),
    "face-attributes": ("age", "gender", "emotion", "expression", "race"),
    "face-detection": ("face", "faces", "blazeface", "retinaface", "boxes"),
    "face-landmarks": ("facemesh", "face mesh", "iris", "eyes", "lips", "points", "facial"),
    "face-recognition": ("faceres", "arcface", "facenet", "identity", "verification"),
    "feature-extraction": ("embedding", "features", "similarity", "vector"),
    "file-classification": ("file type", "mime", "magika"),
    "gesture-recognition": ("gesture", "hand sign", "thumbs up"),
    "hand-landmarks": ("hand", "hands", "fingers", "palm", "handpose", "points"),
    "image-classification": (
        *("classifier", "classify", "recognition", "imagenet", "mobilenet", "efficientnet"),
        *("resnet", "nsfw", "labels"),
    ),
    "image-embedding": ("embedding", "features", "similarity", "vector"),
    "image-segmentation": (
        *("segment", "segmentation", "mask", "background", "selfie", "deeplab", "matting"),
        "semantic-segmentation",
    ),
    "image-super-resolution": ("super-resolution", "upscale", "esrgan", "enhance", "sharpen"),
    "image-to-image": ("enhance", "denoise", "style transfer", "colorize", "restore"),
    "object-detection": (
        *("detector", "detect", "boxes", "ssd", "yolo", "centernet", "efficientdet", "nanodet"),
        *("coco", "people", "person"),
    ),
    "optical-character-recognition": ("ocr", "text recognition", "read text"),
    "palm-detection": ("hand", "palm", "hands", "boxes"),
    "person-segmentation": ("selfie", "background", "mask", "segment", "matting"),
    "pose-estimation": (
        *("pose", "body", "skeleton", "keypoints", "movenet", "posenet", "blazepose", "points"),
        "keypoint-detection",
    ),
    "question-answering": ("qa", "answers", "squad"),
    "regression": ("predict", "numbers", "tabular"),
    "sentence-similarity": ("embedding", "semantic search", "vector"),
    "style-transfer": ("style", "artistic", "painting"),
    "super-resolution": ("upscale", "upscaler", "esrgan", "enhance", "sharpen", "zoom"),
    "text-classification": ("sentiment", "toxicity", "spam", "topic", "language detection"),
    "text-generation": ("llm", "language model", "gpt", "chat", "completion"),
    "token-classification": ("ner", "entities", "pos", "tagging", "punctuation"),
    "video-classification": ("action recognition", "kinetics", "movinet"),
    "video-matting": ("background", "matting", "selfie", "mask", "rvm", "cutout"),
    "voice-activity-detection": ("vad", "silero", "speech", "silence"),
}
"""Other words for a task; a word may stand for several tasks."""

# Words of names that say a task by themselves: each stands for one task only.
_TELLING: Mapping[str, str] = {
    **dict.fromkeys(("blazeface", "retinaface", "facedetection"), "face-detection"),
    **dict.fromkeys(("facemesh", "iris"), "face-landmarks"),
    **dict.fromkeys(("emotion", "gender", "gear"), "face-attributes"),
    **dict.fromkeys(("antispoof", "liveness"), "face-antispoofing"),
    **dict.fromkeys(("handtrack", "palm"), "palm-detection"),
    **dict.fromkeys(("handpose", "handlandmark", "handskeleton"), "hand-landmarks"),
    **dict.fromkeys(("movenet", "posenet", "blazepose", "pose"), "pose-estimation"),
    **dict.fromkeys(
        ("yolo", "ssd", "centernet", "nanodet", "efficientdet", "detector"), "object-detection"
    ),
    **dict.fromkeys(("mobilenet", "resnet", "nsfw", "inception"), "image-classification"),
    **dict.fromkeys(("deeplab", "selfie", "segmentation"), "image-segmentation"),
    **dict.fromkeys(("esrgan", "upscaler"), "super-resolution"),
    **dict.fromkeys(("midas", "depth"), "depth-estimation"),
    **dict.fromkeys(("yamnet", "vggish"), "audio-classification"),
    **dict.fromkeys(("silero", "vad"), "voice-activity-detection"),
    **dict.fromkeys(("toxicity", "sentiment"), "text-classification"),
}


def guess_task(name: str) -> str | None:
    """Return the task that the words of a name say: "pose-estimation" for "movenet-lightning".

    None where they say none, or two.
    """
    words = set(re.findall(r"[a-z]+", name.lower()))
    found = {task for word, task in _TELLING.items() if word in words}
    return found.pop() if len(found) == 1 else None


def words_for(task: str | None) -> tuple[str, ...]:
    """Return other words for a task, for a search: ("detector", "boxes", …)."""
    return TASK_WORDS.get(task or "", ())
