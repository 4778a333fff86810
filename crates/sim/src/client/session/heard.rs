//! What a session is told, and whether it may be told that.
use protocol::{epoch, fossil};
use serde_json::{Value, json};
use wire::frame::Kind;

use super::{Asked, PATTERN, Session, Wishes};
use crate::client::Scene;
use crate::client::data::recognize;
use crate::client::frames::message;
use crate::feed::{Begin, Feed};
use crate::model::Place;

impl Session {
    /// The server has subscribed to what the connect named, and tells so in the answer.
    fn connected(&mut self, subs: &[(usize, Option<Place>)], reply: &Value, scene: &mut Scene<'_>) {
        self.id = reply["client"].as_str().expect("a client has an id").to_owned();
        let told = reply["subs"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(told, subs.len(), "all that were named are told: {reply}");
        for &(subject, since) in subs {
            self.deltas.remove(&subject);
            let channel = scene.plan.subjects[subject].name.clone();
            self.subscribed(subject, since, Wishes::default(), &reply["subs"][channel], scene);
        }
    }

    /// A client has come or gone: told only of what is subscribed to, of oneself only that one has come, and once.
    fn noticed(&mut self, subject: usize, push: &Value, scene: &mut Scene<'_>) {
        assert!(scene.plan.join_leave && self.feeds.contains_key(&subject), "nobody asked to hear: {push}");
        scene.model.tally.told += 1;
        assert_ne!(push["leave"]["info"]["client"], self.id.as_str(), "its own leave: {push}");
        if push["join"]["info"]["client"] == self.id.as_str() {
            assert!(self.arrived.insert(subject), "its own join twice: {push}");
        }
    }

    /// What was kept comes without a hole, down from the top if reversed, and is of the subject.
    fn told(subject: usize, limit: i64, reverse: bool, reply: &Value, scene: &mut Scene<'_>) {
        let top = reply["offset"].as_u64().expect("a history tells the top");
        let list = reply["publications"].as_array().expect("a history tells its publications");
        assert!(u64::try_from(limit).is_err() || list.len() as u64 <= limit.unsigned_abs(), "{reply}");
        let offset = |one: &Value| one["offset"].as_u64().expect("what was kept has an offset");
        for pair in list.windows(2) {
            let (first, second) = if reverse { (&pair[1], &pair[0]) } else { (&pair[0], &pair[1]) };
            assert_eq!(offset(first) + 1, offset(second), "{reply}");
        }
        assert!(list.iter().all(|one| offset(one) <= top), "{reply}");
        assert!(!reverse || list.first().is_none_or(|newest| offset(newest) == top), "{reply}");
        for publication in list {
            let (number, other) = recognize(&publication["data"], scene.model);
            assert_eq!(subject, other, "publication {number} is in another channel's history");
        }
    }

    /// A line: a ping, a push or a reply. Says what is answered.
    pub(super) fn line(&mut self, line: &str, scene: &mut Scene<'_>) -> Vec<u8> {
        let said: Value = serde_json::from_str(line).expect("the server says JSON");
        if said == json!({}) {
            return message(Kind::Text, b"{}", scene.random);
        }
        if let Some(push) = said.get("push") {
            self.pushed(push, scene);
            return Vec::new();
        }
        let (id, asked) = self.asked.pop_front().unwrap_or_else(|| panic!("a reply that nobody asked for: {said}"));
        assert_eq!(said["id"].as_u64(), Some(id.into()), "replies are out of order: {said}");
        if let Asked::Subscribe { subject, since, wishes } = &asked
            && said["error"]["code"] == 112
        {
            let is_recovering = since.is_some() || scene.plan.cache && scene.plan.auto_cache;
            assert!(wishes.strict && is_recovering && scene.plan.history.is_some(), "{asked:?} was refused: {said}");
            let again = |(_, asked): &(u32, Asked)| matches!(asked, Asked::Subscribe { subject: other, .. } if other == subject);
            if !self.asked.iter().any(again) {
                self.wanted.retain(|other| other != subject);
            }
            self.places.remove(subject);
            return Vec::new();
        }
        assert!(said.get("error").is_none(), "{asked:?} was refused: {said}");
        match asked {
            Asked::Connect { subs } => self.connected(&subs, &said["connect"], scene),
            Asked::Subscribe { subject, since, wishes } => {
                let reply = &said["subscribe"];
                let may = reply.get("delta").is_some();
                assert_eq!(may, wishes.delta && scene.plan.delta, "{reply}");
                if may {
                    self.deltas.insert(subject);
                } else {
                    self.deltas.remove(&subject);
                }
                self.subscribed(subject, since, wishes, reply, scene);
            }
            Asked::Pattern => {
                assert_eq!(said["subscribe"], json!({}), "a pattern has no place: {said}");
                for subject in 0..scene.plan.subjects.len() {
                    let mut feed = Feed::new(subject, Begin::Live, scene.plan.may_drop(), scene.model);
                    (feed.asked_at, feed.shared, feed.is_placeless) = (0, true, true);
                    feed.opened(scene.model);
                    self.pattern.insert(subject, feed);
                }
            }
            Asked::NoPattern => self.pattern.clear(),
            Asked::Unsubscribe { subject } => {
                assert!(said["unsubscribe"].is_object(), "{said}");
                // Unless the subscription was refused.
                self.feeds.remove(&subject);
                self.arrived.remove(&subject);
            }
            Asked::History { subject, limit, reverse } => {
                Self::told(subject, limit, reverse, &said["history"], scene);
            }
            Asked::Publish { number } => {
                assert!(said["publish"].is_object(), "{said}");
                scene.model.confirm(number);
            }
        }
        Vec::new()
    }

    /// A subscription has begun: what is told of it is what was asked for and the plan allows.
    fn subscribed(
        &mut self,
        subject: usize,
        since: Option<Place>,
        wishes: Wishes,
        reply: &Value,
        scene: &mut Scene<'_>,
    ) {
        let keeps = scene.plan.history.is_some();
        let recovers = keeps && (since.is_some() || scene.plan.cache && scene.plan.auto_cache);
        let flag = |name: &str| reply.get(name).is_some_and(|flag| *flag == Value::Bool(true));
        assert_eq!((flag("recoverable"), flag("positioned")), (keeps, keeps), "{reply}");
        assert_eq!(flag("was_recovering"), recovers, "{reply}");
        let recovered = flag("recovered");
        assert!(!recovered || recovers, "recovered without a wish: {reply}");
        assert!(!wishes.strict || recovered || !recovers, "an error was wanted: {reply}");
        scene.model.tally.resumed += u64::from(recovered);
        scene.model.tally.reset += u64::from(flag("was_recovering") && !recovered);
        if let (true, false, Some(since)) = (keeps, recovered, since)
            && !scene.plan.cache
            && scene.model.all_json(subject, since)
        {
            scene.model.may_reset(subject, since, scene.plan);
        }
        let epoch = reply["epoch"].as_str().and_then(epoch::read);
        let top = epoch.map(|epoch| Place { epoch, offset: reply["offset"].as_u64().unwrap_or(0) });
        assert_eq!(top.is_some(), keeps, "{reply}");
        let publications = reply["publications"].as_array().map_or(&[][..], |list| list);
        let mut begin = top.map_or(Begin::Live, Begin::After);
        if scene.plan.cache {
            assert!(publications.len() <= 1, "the newest only: {reply}");
            if recovered {
                // From the newest publication on nothing is missing, if it passes the filter and is told.
                let newest = publications.first().and_then(|one| one["offset"].as_u64());
                begin = match (newest, top) {
                    (Some(offset), Some(top)) => Begin::After(Place { offset: offset - 1, ..top }),
                    // The place is the client's own; without a filter nothing came since, with one the newest may not have passed.
                    (None, Some(top)) if Some(top) == since && !wishes.filter => Begin::After(top),
                    (None, _) => Begin::Gap,
                    (Some(_), None) => Begin::Live,
                };
                assert!(newest.is_some() || wishes.filter || top == since, "recovered, and nothing came: {reply}");
            }
        } else {
            assert!(!recovered || top == since, "a recovery begins where the client stands: {reply}");
        }
        let mut feed = Feed::new(subject, begin, scene.plan.may_drop(), scene.model);
        feed.asked_at = 0;
        feed.shared = true;
        feed.is_filtered = wishes.filter;
        feed.opened(scene.model);
        if let Some(top) = top {
            self.places.insert(subject, top);
        }
        self.feeds.insert(subject, feed);
        for publication in publications {
            self.saw(subject, publication, scene);
        }
    }

    /// A push.
    fn pushed(&mut self, push: &Value, scene: &mut Scene<'_>) {
        let channel = push["channel"].as_str().expect("a push has a channel");
        let named = |channel: &str| scene.plan.subjects.iter().position(|topic| topic.name == channel);
        if channel == PATTERN {
            let publication = &push["pub"];
            let channel = publication["channel"].as_str().expect("where it was published");
            // A rude client publishes elsewhere too.
            let Some(subject) = named(channel) else {
                return;
            };
            let (number, other) = recognize(&publication["data"], scene.model);
            assert_eq!(subject, other, "publication {number} came as of another channel");
            let feed = self.pattern.get_mut(&subject).expect("the pattern is subscribed to");
            feed.saw(number, None, scene.model);
            return;
        }
        if push.get("pub").is_none() {
            let subject = named(channel).expect("a known channel");
            self.noticed(subject, push, scene);
            return;
        }
        assert!(push["pub"].get("channel").is_none(), "it is the channel that was subscribed to: {push}");
        let subject = named(channel).expect("a known channel");
        self.saw(subject, &push["pub"], scene);
    }

    /// What was published, of what came.
    fn told_whole(&mut self, subject: usize, publication: &Value) -> Value {
        let is_delta = publication.get("delta").is_some();
        if !self.deltas.contains(&subject) {
            assert!(!is_delta, "a delta that nobody asked for: {publication}");
            return publication["data"].clone();
        }
        let data = publication["data"].as_str().expect("with deltas all data are strings").as_bytes();
        let base = self.bases.entry(subject).or_default();
        if is_delta {
            *base = fossil::apply(base, data, 1 << 20).unwrap_or_else(|error| panic!("{error}: {publication}"));
        } else {
            *base = data.to_vec();
        }
        serde_json::from_slice(base).expect("the whole of it is JSON")
    }

    /// A publication.
    fn saw(&mut self, subject: usize, publication: &Value, scene: &mut Scene<'_>) {
        scene.model.tally.deltas += u64::from(publication.get("delta").is_some());
        let (number, other) = recognize(&self.told_whole(subject, publication), scene.model);
        assert_eq!(subject, other, "publication {number} came on another channel");
        let before = self.places.get(&subject).copied();
        let feed = self.feeds.get_mut(&subject);
        let feed = feed.unwrap_or_else(|| panic!("publication {number} came without a subscription to {subject}"));
        let place = publication
            .get("offset")
            .and_then(Value::as_u64)
            .map(|offset| Place { epoch: before.map_or(0, |place| place.epoch), offset });
        assert_eq!(place.is_some(), scene.plan.history.is_some(), "an offset is told if it can be recovered from");
        feed.saw(number, place, scene.model);
        if let Some(place) = place {
            self.places.insert(subject, place);
        }
    }
}
