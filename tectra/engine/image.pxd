# Sections of a state image: engine_image.h.
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

from tectra.engine.capi cimport tt_pipeline
from tectra.strategy.capi cimport tt_ctx


cdef extern from "tectra/engine_image.h" nogil:
    uint32_t tt_image_layout()
    size_t tt_image_bytes(const tt_pipeline *p, int section)
    void tt_image_save(const tt_pipeline *p, int section, uint8_t *out)
    int tt_image_load(tt_pipeline *p, int section, const uint8_t *data, size_t size)
    size_t tt_image_ctx_bytes(const tt_ctx *ctx)
    void tt_image_ctx_save(const tt_ctx *ctx, uint8_t *out)
    int tt_image_ctx_load(tt_ctx *ctx, const uint8_t *data, size_t size)
