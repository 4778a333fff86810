//! Peers that send no more, and still read: a FIN behind a request is not the end before the request has its answer.
//!
//! Only while the control plane itself answers. Whatever it passes on to the data plane, streams above all, has no other sign
//! that its client has gone than the FIN: there it is the end at once, and so it is in the middle of a body, and between requests.
//!
//! ```text
//! Idle → Answering → Written → Idle
//!            ↘ PassedOn ↗
//! ```
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection and the request that is under way on it know of each other.
#[derive(Clone, Default, Debug)]
pub(crate) struct Line(Arc<Mutex<State>>);

#[derive(Default, Debug)]
struct State {
    stage: Stage,
    /// The peer's FIN has come.
    is_finished: bool,
    /// Who reads the connection, and is not told of that yet.
    reader: Option<Waker>,
    /// Who waits for the rest of a body.
    asker: Option<Waker>,
}

/// Where the request is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Stage {
    /// There is none.
    #[default]
    Idle,
    /// It has no whole answer yet.
    Answering,
    /// The data plane answers it.
    PassedOn,
    /// The answer may not have left yet.
    Written,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        // A state is whole whoever panicked over it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stage: Stage) {
        let mut state = self.state();
        state.stage = stage;
        let hides = matches!(stage, Stage::Answering | Stage::Written);
        if let Some(reader) = state.reader.take_if(|_| !hides) {
            reader.wake();
        }
    }

    /// The request is passed on: a FIN is its end.
    pub(crate) fn pass_on(&self) {
        self.enter(Stage::PassedOn);
    }

    /// Resolves once the peer's FIN has come. A body that still waits for bytes then is none: what came before the FIN has been handed on.
    pub(crate) fn finished(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|context| {
            let mut state = self.state();
            if state.is_finished {
                return Poll::Ready(());
            }
            state.asker = Some(context.waker().clone());
            Poll::Pending
        })
    }
}

/// A connection whose FIN is kept back as the [`Line`] says.
#[derive(Debug)]
pub(crate) struct Patient<T> {
    inner: T,
    line: Line,
}

impl<T> Patient<T> {
    pub(crate) fn new(inner: T, line: Line) -> Self {
        Self { inner, line }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, room) = (into.filled().len(), into.remaining());
        ready!(Pin::new(&mut self.inner).poll_read(context, into))?;
        if room == 0 || into.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        let mut state = self.line.state();
        state.is_finished = true;
        if let Some(asker) = state.asker.take() {
            asker.wake();
        }
        match state.stage {
            Stage::Idle | Stage::PassedOn => Poll::Ready(Ok(())),
            Stage::Answering | Stage::Written => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// Comes when everything before has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        if self.line.state().stage == Stage::Written {
            self.line.enter(Stage::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// The router, on one connection.
#[derive(Debug)]
pub(crate) struct Answering {
    router: TowerToHyperService<Router>,
    line: Line,
}

impl Answering {
    pub(crate) fn new(router: Router, line: Line) -> Self {
        Self { router: TowerToHyperService::new(router), line }
    }
}

impl hyper::service::Service<Request<Incoming>> for Answering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        // Here and not when the answer is begun: hyper reads on in between, and a FIN may be there already.
        self.line.enter(Stage::Answering);
        request.extensions_mut().insert(self.line.clone());
        let (answer, whole) = (self.router.call(request), Whole(self.line.clone()));
        Box::pin(async move { Ok(answer.await?.map(|body| Body::new(Rest { body, _whole: whole }))) })
    }
}

/// An answer that is not whole yet, until it is dropped.
#[derive(Debug)]
struct Whole(Line);

impl Drop for Whole {
    fn drop(&mut self) {
        let is_passed_on = self.0.state().stage == Stage::PassedOn;
        self.0.enter(if is_passed_on { Stage::Idle } else { Stage::Written });
    }
}

/// The rest of an answer.
#[derive(Debug)]
struct Rest {
    body: Body,
    _whole: Whole,
}

impl hyper::body::Body for Rest {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
