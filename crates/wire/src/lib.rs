//! RFC 6455 frames, HTTP/1.1 heads, SSE lines: bytes in, events out, and back.
