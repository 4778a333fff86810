//! How the engine asks in strict mode: as the original does, whatever comes of it.
use hyper::body::Bytes;
use hyper::header::HeaderMap;

use super::Hook;
use crate::event::Verdict;
use crate::exchange::{Answer, Question};
use crate::figures::{Ended, Purpose};
use crate::settings::{OnFlood, OnOpen, Settings};
use crate::strict;

impl Hook {
    /// Asks a back end as the original does. An id that is no URL is as good as no answer.
    pub(super) async fn ask_strictly(&self, purpose: Purpose, id: &str, body: Bytes) -> Result<Answer, Ended> {
        let place = strict::place(id).ok_or(Ended::Redirected)?;
        let Settings { connect_timeout, message_timeout, end_timeout, redirects_max, .. } = self.settings;
        let (timeout, redirects_max, waits) = if purpose == Purpose::Connect {
            (connect_timeout, redirects_max, self.settings.connect_waits)
        } else if purpose == Purpose::End {
            (end_timeout, 0, false)
        } else {
            (message_timeout, 0, self.settings.on_open == OnOpen::Wait)
        };
        let question = Question {
            purpose,
            id: &place.path,
            query: place.query.as_deref(),
            fields: HeaderMap::new(),
            body,
            timeout,
            answer_bytes_max: self.settings.answer_bytes_max,
            redirects_max,
            waits,
            is_counted: purpose == Purpose::End
                || purpose == Purpose::Message && self.settings.on_flood == OnFlood::Wait,
        };
        question.ask(&self.client, &self.back_ends, strict::judge).await
    }

    pub(super) async fn connect_strictly(&self, id: &str, upgrades: bool) -> Verdict {
        if id.is_empty() {
            return self.count_strictly();
        }
        let verdict = strict::verdict(self.ask_strictly(Purpose::Connect, id, Bytes::new()).await, upgrades);
        if matches!(verdict, Verdict::Accept(_)) {
            self.counters.opened.add(1);
        }
        verdict
    }

    fn count_strictly(&self) -> Verdict {
        let (mut under_way, mut failed, mut succeeded) = (0, 0, 0);
        for figures in self.back_ends.iter().map(|one| &one.figures) {
            under_way += figures.in_flight.read();
            for (_, ended, count) in figures.ended() {
                *(if ended == Ended::Ok.name() { &mut succeeded } else { &mut failed }) += count;
            }
        }
        strict::counters(&self.counters, under_way, failed, succeeded)
    }
}
