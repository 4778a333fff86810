//! What glommio lacks of io_uring; the only room with unsafe code.
