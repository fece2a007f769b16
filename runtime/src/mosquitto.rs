//! A broker of a test's own, where mosquitto is installed: on a free port, and without a memory.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to start on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Debian puts it beside what only root runs.
const PLACES: [&str; 2] = ["mosquitto", "/usr/sbin/mosquitto"];

/// Stopped when dropped.
pub struct Mosquitto {
    /// Where it listens, on this machine.
    pub port: u16,
    child: Child,
    _folder: TempDir,
}

impl Mosquitto {
    /// Starts one, or says that none is installed.
    pub fn start() -> Option<Self> {
        Self::at(free_port())
    }

    /// The same on a certain port, where one may have been before.
    pub fn at(port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        std::fs::write(&path, text).expect("written");
        let start = |program: &&str| {
            let mut command = Command::new(program);
            command.arg("-c").arg(&path).stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let Some(child) = PLACES.iter().find_map(|program| start(program).ok()) else {
            eprintln!("skipped: mosquitto is not installed");
            return None;
        };
        let broker = Self {
            port,
            child,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(broker.address()).is_err() {
            assert!(began.elapsed() < PATIENCE, "mosquitto does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(broker)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    free.local_addr().expect("an address").port()
}
