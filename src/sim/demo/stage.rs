//! Everything around the server, started and stopped together.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Clock;
use crate::sim::control_plane::{Account, Accounts, ControlPlane};
use crate::sim::demo::files::{self, Folder};
use crate::sim::demo::server::{SERVICE_DNS_NAME, ServeFlags, Server};
use crate::sim::demo::{DemoArgs, DemoError};
use crate::sim::{Faults, Fleet, Scenario, World};

/// The simulated cluster, and how the server was started against it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) world: Arc<World>,
    pub(super) clock: Clock,
    pub(super) fleet: Fleet,
    pub(super) control_plane: ControlPlane,
    pub(super) server_address: SocketAddr,
    pub(super) serve_flags: Vec<String>,
    pub(super) folder: Folder,
}

impl Stage {
    /// Starts the kubelets, the Kubernetes API, and the server against both.
    pub(super) async fn start(args: &DemoArgs, scenario: Scenario) -> Result<(Self, Server), DemoError> {
        let clock = Clock::system();
        let folder = Folder::create()?;
        let faults = Arc::new(Faults::new(scenario.faults.clone()));
        let world = Arc::new(World::new(scenario, clock.now()));
        let accounts = Accounts::generate();
        let tokens = vec![accounts.token(Account::Server).to_owned()];
        let fleet = Fleet::start(Arc::clone(&world), faults, clock.clone(), tokens).map_err(DemoError::Kubelets)?;
        let control_plane =
            ControlPlane::start(args.port, accounts, Arc::clone(&world), fleet.port(), clock.clone()).await?;

        let kubeconfig = folder.path("server.kubeconfig");
        let user = [("server", control_plane.token(Account::Server))];
        files::write(&kubeconfig, &files::kubeconfig(control_plane.address(), control_plane.ca_pem(), &user))?;
        let kubelet_authority = folder.path("kubelets.pem");
        files::write(&kubelet_authority, fleet.authority_pem())?;
        let flags = ServeFlags {
            kubeconfig: &kubeconfig,
            kubelet_port: fleet.port(),
            kubelet_authority: &kubelet_authority,
            resolution: &args.resolution,
            further: &args.serve_flags,
        };
        let server = Server::start(flags.settings()?, clock.clone()).await?;
        let server_address = server.address();
        control_plane.connect(SERVICE_DNS_NAME, server_address);
        let serve_flags = flags.typed();
        Ok((Self { world, clock, fleet, control_plane, server_address, serve_flags, folder }, server))
    }

    /// Requests that all kubelets have received.
    pub(super) fn scrapes(&self) -> u64 {
        (0..self.world.scenario().nodes).map(|node| self.fleet.requests(node)).sum()
    }

    /// Stops all of it. The server is to have ended before: its surroundings' end is no concern of
    /// its logs.
    pub(super) async fn stop(self) {
        self.control_plane.stop().await;
        self.fleet.stop().await;
    }
}
