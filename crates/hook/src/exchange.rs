//! One request and its answer: bounded in time, in bytes, and in where it leads.
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use tokio::time::Instant;

use crate::back_end::{BackEnd, BackEnds, Place};
use crate::circuit::Watch;
use crate::client::{Client, Wanted};
use crate::figures::{Ended, Purpose};

/// After so long a question that waits is put again to back ends that could not be reached.
const AGAIN: Duration = Duration::from_millis(200);

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question<'q> {
    pub(crate) purpose: Purpose,
    pub(crate) id: &'q str,
    pub(crate) query: Option<&'q str>,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) timeout: Duration,
    pub(crate) answer_bytes_max: usize,
    pub(crate) redirects_max: u8,
    /// Whether it waits for a back end that can be reached.
    pub(crate) waits: bool,
    /// Whether it waits for a place however many do: who asks bounds how many there are.
    pub(crate) is_counted: bool,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
    /// Fields behind the body.
    pub(crate) trailers: Option<HeaderMap>,
}

impl Purpose {
    const fn method(self) -> Method {
        match self {
            Self::Connect => Method::GET,
            Self::Message | Self::Subscribe | Self::Publish | Self::Rpc | Self::Refresh | Self::SubRefresh => {
                Method::POST
            }
            Self::End => Method::DELETE,
        }
    }
}

impl Question<'_> {
    /// Asks a back end, and the others if it can't be reached or is not worth asking. An answer of any status is one; `judge` says for the
    /// figures how it counts. If nobody can be asked and the question waits, it is asked again for as long as its time-out lasts.
    pub(crate) async fn ask(
        &self,
        client: &Client,
        back_ends: &BackEnds,
        judge: impl Fn(&Answer) -> Ended,
    ) -> Result<Answer, Ended> {
        let began = Instant::now();
        let until = began + self.timeout;
        loop {
            let mut last = Ended::Open;
            let mut first = None;
            for back_end in back_ends.for_id(self.id) {
                let asked = self.ask_once(client, back_end, &back_ends.watch, until, &judge).await;
                first.get_or_insert(back_end);
                match asked {
                    Err(Ended::Open) => {}
                    Err(Ended::Unreachable) => last = Ended::Unreachable,
                    asked => return asked,
                }
            }
            if self.waits
                && let Some(first) = first
            {
                match self.wait(first, back_ends, last, until).await {
                    Ok(()) => continue,
                    Err(Ended::Flood) => last = Ended::Flood,
                    Err(_) => {}
                }
            }
            if last != Ended::Unreachable
                && let Some(first) = first
            {
                first.figures.count(self.purpose, last, began.elapsed());
            }
            return Err(last);
        }
    }

    /// Waits until it is worth another try; fails if that takes too long, or too many wait.
    async fn wait(&self, first: &BackEnd, back_ends: &BackEnds, last: Ended, until: Instant) -> Result<(), Ended> {
        let _waits = first.wait(self.is_counted)?;
        let again = async {
            if last == Ended::Unreachable {
                tokio::time::sleep(AGAIN).await;
            }
            back_ends.until_passable().await;
        };
        tokio::time::timeout_at(until, again).await.map_err(|_| last)
    }

    /// Asks this one.
    async fn ask_once(
        &self,
        client: &Client,
        back_end: &BackEnd,
        watch: &Watch,
        until: Instant,
        judge: impl Fn(&Answer) -> Ended,
    ) -> Result<Answer, Ended> {
        let began = Instant::now();
        if !back_end.circuit.is_passable(began) {
            return Err(Ended::Open);
        }
        let asked = match self.place(back_end, until).await {
            Ok((place, until)) => {
                // It may have opened while this one waited.
                let sent = Instant::now();
                let pass = back_end.circuit.enter(watch, sent).ok_or(Ended::Open)?;
                let asked = tokio::time::timeout_at(until, self.ask_one(client, back_end)).await;
                let asked = asked.unwrap_or(Err(Ended::TimedOut));
                let ended = asked.as_ref().map_or_else(|ended| *ended, &judge);
                pass.settle(ended, until - sent >= self.timeout / 2, Instant::now());
                place.leave(self.purpose, ended, sent);
                asked
            }
            Err(ended) => Err(ended),
        };
        let ended = asked.as_ref().map_or_else(|ended| *ended, &judge);
        back_end.figures.count(self.purpose, ended, began.elapsed());
        asked
    }

    /// A place at the back end, and until when its answer has to be there. An end waits for its place however long it takes.
    async fn place<'b>(&self, back_end: &'b BackEnd, until: Instant) -> Result<(Place<'b>, Instant), Ended> {
        let place = back_end.place(self.is_counted);
        if self.purpose == Purpose::End {
            return Ok((place.await?, Instant::now() + self.timeout));
        }
        let place = tokio::time::timeout_at(until, place).await;
        Ok((place.unwrap_or(Err(Ended::TimedOut))?, until))
    }

    async fn ask_one(&self, client: &Client, back_end: &BackEnd) -> Result<Answer, Ended> {
        let mut uri = back_end.target.client(self.id, self.query).ok_or(Ended::Unreachable)?;
        let is_led = self.purpose == Purpose::Connect;
        let is_read = if is_led { |status: StatusCode| !status.is_redirection() } else { |_| true };
        let wanted = Wanted { bytes_max: self.answer_bytes_max, is_read };
        let mut redirects = 0;
        loop {
            let answer = client.ask(self.request(uri), wanted).await?;
            if !is_led || !answer.status.is_redirection() {
                return Ok(answer);
            }
            if redirects == self.redirects_max {
                return Err(Ended::Redirected);
            }
            redirects += 1;
            uri = next(back_end, &answer).ok_or(Ended::Redirected)?;
        }
    }

    fn request(&self, uri: Uri) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.purpose.method();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.fields.clone();
        if self.purpose != Purpose::Connect
            && !(self.fields.is_empty() && self.purpose == Purpose::End && self.body.is_empty())
        {
            // Said even if it is 0: servers of few lines look for it.
            request.headers_mut().insert(header::CONTENT_LENGTH, self.body.len().into());
        }
        request
    }
}

fn next(back_end: &BackEnd, answer: &Answer) -> Option<Uri> {
    let location = answer.fields.get(header::LOCATION)?.to_str().ok()?;
    back_end.target.redirected(location)
}

/// A client's fields as a request has them. What is no field, or none that may be passed on, is left out.
pub(crate) fn fields(told: &[(Box<str>, Box<[u8]>)]) -> HeaderMap {
    let field = |(name, value): &(Box<str>, Box<[u8]>)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    told.iter().filter_map(field).collect()
}
