//! An HTTP proxy that opens tunnels (CONNECT) and notes what it is asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// A running proxy that wants a user and a password; dropping it ends it.
#[derive(Debug)]
pub struct ConnectProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl ConnectProxy {
    /// The password that it wants, of the user `grantry`.
    pub const PASSWORD: &str = "proxy-canary-5f1c";

    /// Starts one.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("find a free port")?;
        let address = listener.local_addr()?;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Its error is the end of one connection.
                tokio::spawn(serve(stream, kept.clone()));
            }
        });
        Ok(Self { address, asked, task })
    }

    /// What a host is told about it, credential included.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://grantry:{}@{}", Self::PASSWORD, self.address)
    }

    /// The places that it opened tunnels to, as they were asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, asked: Arc<Mutex<Vec<String>>>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let credential = STANDARD.encode(format!("grantry:{}", ConnectProxy::PASSWORD));
    let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let Some(place) = place.filter(|_| head.contains(&format!("Basic {credential}\r\n"))) else {
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await?;
        return Ok(());
    };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(place.to_owned());
    let mut behind = TcpStream::connect(place).await?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut stream, &mut behind).await?;
    Ok(())
}
