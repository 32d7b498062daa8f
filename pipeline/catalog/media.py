"""Media: which inputs of a model take pixels or sound, and what nobody states of them. Pure."""

from pipeline.catalog.types import CatalogInput

IMAGE_NDIM = 4
CHANNELS = (1, 3, 4)


def is_image(tensor: CatalogInput) -> bool:
    """Say whether an input takes pixels.

    Its contract says how they are made into it, or it looks like them: three axes after the batch,
    1, 3 or 4 channels.
    """
    shape = close_shape(tensor)
    stated = any((tensor.color, tensor.layout, tensor.resize, tensor.mean))
    if tensor.js_dtype not in {"float32", "int32"} or (shape is None and not stated):
        return False
    ndim = IMAGE_NDIM if shape is None else len(shape)
    if stated:
        return ndim in {IMAGE_NDIM - 1, IMAGE_NDIM}
    assert shape is not None
    return ndim == IMAGE_NDIM and (shape[-1] in CHANNELS or shape[1] in CHANNELS)


def is_sound(tensor: CatalogInput) -> bool:
    """Say whether an input takes the samples of a sound."""
    return tensor.sample_rate is not None and tensor.js_dtype in {"float32", "int32"}


def lacks_range(tensor: CatalogInput) -> bool:
    """Say whether a page gives images or sounds, and nobody states what their values become."""
    if tensor.range is not None or tensor.is_filled:
        return False
    if is_sound(tensor):
        return True
    scaled = tensor.mean is not None or tensor.std is not None
    # As zoo/images.js takes whole numbers.
    whole = tensor.js_dtype == "int32" and tensor.dtype != "int8"
    return is_image(tensor) and not scaled and not whole


def close_shape(tensor: CatalogInput) -> list[int] | None:
    """Return the shape, with sizes of the contract in place of open ones; None for any shape."""
    shape, sizes = tensor.shape, tensor.sizes
    if shape is None or sizes is None or len(sizes) != len(shape):
        return sizes if shape is None else shape
    return [stated if size < 0 else size for size, stated in zip(shape, sizes, strict=True)]


def image_sizes(tensor: CatalogInput) -> tuple[int, int] | None:
    """Return height and width of an input for images; None where one of them is open."""
    shape = close_shape(tensor)
    if shape is None or len(shape) < IMAGE_NDIM - 1:
        return None
    planes_first = tensor.layout == "nchw" or (
        tensor.layout is None and shape[-1] not in CHANNELS and shape[-3] in CHANNELS
    )
    height, width = shape[-2:] if planes_first else shape[-3:-1]
    return (height, width) if height > 0 and width > 0 else None
