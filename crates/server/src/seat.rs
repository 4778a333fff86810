//! A shard's thread: what it is given, and how it takes its core.
use std::net::SocketAddr;
use std::sync::Arc;

use base::ShardId;
use crossbeam_channel::{Receiver, Sender};
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use ring::{Courier, ListenerOptions, Ring};
use shard::{Command, Shard, ShardConfig, Ticket};
use tokio::sync::mpsc;

use crate::accept::Acceptor;
use crate::clock;
use crate::desk::Desk;
use crate::error::StartError;
use crate::hooks::Events;
use crate::host::GuestList;
use crate::host::{self, Guests};
use crate::mesh::{Beds, Mesh};
use crate::settings::Settings;
use crate::turn::Core;
use crate::world::{Parts, World};

/// Entries of glommio's rings: it serves rare guests.
const EXECUTOR_RING_DEPTH: usize = 32;

/// Buffers that glommio registers, the least that it takes.
const EXECUTOR_MEMORY_BYTES: usize = 64 << 10;

/// What every shard's thread gets.
#[derive(Clone)]
pub(crate) struct Common {
    /// Where it listens: the server's own address first, then those of hooks.
    pub(crate) doors: Arc<[SocketAddr]>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) beds: Beds,
    pub(crate) courier: Arc<Courier>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) guests: GuestList,
    /// Tells how the start went.
    pub(crate) ready: Sender<Result<(), StartError>>,
    /// Gives the word to start; closed if another shard could not.
    pub(crate) go: Receiver<()>,
    /// Closed when the threads have ended.
    pub(crate) alive: mpsc::Sender<()>,
}

/// What a shard's thread gets.
pub(crate) struct Seat {
    pub(crate) id: ShardId,
    pub(crate) core: usize,
    pub(crate) config: ShardConfig,
    pub(crate) ring: Ring,
    pub(crate) mesh: Mesh,
    pub(crate) events: Option<Events>,
    pub(crate) commands: Receiver<(Ticket, Command)>,
    pub(crate) common: Common,
}

impl Seat {
    /// The life of a shard's thread.
    pub(crate) fn run(mut self) {
        let (executor, acceptors, sender) = match self.take() {
            Ok(made) => {
                let _ = self.common.ready.send(Ok(()));
                made
            }
            Err(error) => return drop(self.common.ready.send(Err(error))),
        };
        let Self { id, core: _, config, ring, mesh, events, commands, common } = self;
        let Common { doors, settings, beds, courier, desk, guests: list, go, ready: _, alive: _alive } = common;
        if go.recv().is_err() {
            return;
        }
        let guests = Guests::default();
        let shard = Shard::new(config, clock::now());
        let connections_max = settings.connections_max;
        let parts =
            Parts { me: id, ring, sender, mesh, beds, acceptors, doors, courier, desk, connections_max, events };
        let core = Core::new(shard, World::new(parts), commands, settings.batch_window);
        executor.run(async {
            list(id, &guests);
            if let Err(error) = host::run(core, guests.clone()).await {
                eprintln!("ringcast: shard {id} cannot run: {error}", id = id.0);
            }
        });
    }

    /// Takes the core, a file table, a ring and the ports.
    fn take(&mut self) -> Result<(LocalExecutor, Vec<Acceptor>, ring::Sender), StartError> {
        ring::unshare().map_err(StartError::system("give a thread its own file table"))?;
        ring::block_signals().map_err(StartError::system("block signals in a thread"))?;
        let executor = LocalExecutorBuilder::new(Placement::Fixed(self.core))
            .name(&format!("shard-{}", self.id.0))
            .io_memory(EXECUTOR_MEMORY_BYTES)
            .ring_depth(EXECUTOR_RING_DEPTH)
            .make()
            .map_err(StartError::executor)?;
        self.ring.enable().map_err(StartError::system("enable a ring"))?;
        let options = ListenerOptions {
            shared: true,
            backlog: self.common.settings.backlog,
            user_timeout: self.common.settings.user_timeout,
            send_buffer_bytes: self.common.settings.send_buffer_bytes,
        };
        let listen = |(number, address): (u32, SocketAddr)| {
            let listener = ring::listen(address, options).map_err(|error| StartError::listening(address, error))?;
            Ok(Acceptor::new(listener, number))
        };
        let acceptors = (0..).zip(self.common.doors.iter().copied()).map(listen).collect::<Result<_, StartError>>()?;
        Ok((executor, acceptors, ring::Sender::new()?))
    }
}
