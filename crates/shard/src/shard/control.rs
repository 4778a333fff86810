//! What the control plane asks for.
use alloc::sync::Arc;

use base::Instant;

use super::Shard;
use crate::admission::Rates;
use crate::border::Effects;
use crate::centrifugo::Endpoints;
use crate::command::{Answer, Command, Ticket};
use crate::config::{Admission, ShardConfig};
use crate::hop::{Receipt, Waiter};
use crate::limits::{LISTED_ROWS_MAX, USER_HASHES_MAX};

impl Shard {
    pub(super) fn on_command_of_control(
        &mut self,
        ticket: Ticket,
        command: Command,
        now: Instant,
        world: &mut impl Effects,
    ) {
        match command {
            Command::Publish { subject, draft } => {
                let receipt = Receipt::Position(Waiter::Command(ticket));
                self.publish(&subject, draft, receipt, now, world);
            }
            Command::History { subject, query } => {
                self.ask_excerpt(&subject, &query, Waiter::Command(ticket), now, world);
            }
            Command::RemoveHistory { subject } => {
                let removed = self.remove_history(&subject);
                world.answer(ticket, Answer::HistoryRemoved(removed));
            }
            Command::Subjects { glob, from } => {
                let listing = self.hub.subscribed(&glob, from, LISTED_ROWS_MAX);
                world.answer(ticket, Answer::Subjects(listing));
            }
            Command::Census { subject } => {
                let headcount = self.present_at_all(&subject).map(|()| self.census(&subject));
                world.answer(ticket, Answer::Headcount(headcount));
            }
            Command::RollCall { subject } => {
                let roll = self.present_at_all(&subject).map(|()| self.roll(&subject));
                world.answer(ticket, Answer::Roll(roll));
            }
            Command::Users => {
                let count = self.clients.users();
                let fits = count <= USER_HASHES_MAX;
                let hashes = fits.then(|| self.clients.user_hashes().collect());
                world.answer(ticket, Answer::Users { count: count as u64, hashes });
            }
            Command::Order { whom, order } => {
                self.order_begun(ticket);
                let obeyed = self.obey(ticket, &whom, *order, now, world);
                self.order_under_way(ticket, obeyed, world);
            }
            Command::Report => {
                let report = self.full_report();
                world.answer(ticket, Answer::Report(report.into()));
            }
            Command::Hook(reply) => self.on_hook_reply(*reply, now, world),
            Command::Configure(config) => self.reconfigure(*config),
            Command::Drain { spread } => self.begin_drain(spread, now),
        }
    }

    fn reconfigure(&mut self, config: ShardConfig) {
        let ShardConfig { shard, shards, seed, key, dev, .. } = self.config;
        let Admission { gate, rates: old, roster, .. } = &self.config.admission;
        // Who has used up his tokens has used them up under other settings too.
        let meter = old.meter.clone().or(config.admission.rates.meter);
        let rates = Rates { meter, layers: config.admission.rates.layers };
        let (gate, roster) = (Arc::clone(gate), roster.clone());
        let admission = Admission { gate, roster, rates, ..config.admission };
        let node = core::mem::take(&mut self.config.endpoints.node);
        let endpoints = Endpoints { node, ..config.endpoints };
        self.hub.set_namespaces(config.namespaces.clone(), config.limits.history_bytes);
        if config.compression.level != self.config.compression.level {
            self.sending.set_level(config.compression.level);
        }
        let (hooks, proxies) = (Arc::clone(&self.config.hooks), Arc::clone(&self.config.proxies));
        self.config = ShardConfig { shard, shards, seed, key, dev, admission, endpoints, hooks, proxies, ..config };
    }
}
