//! A stream that ends with an error once it has given so many bytes: for readers that look for the
//! end of a line before they look at its length.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// Reads at most so many bytes, and some of the buffer that was asked for last.
#[derive(Debug)]
pub(crate) struct Limited<S> {
    pub(crate) stream: S,
    left: usize,
}

impl<S> Limited<S> {
    pub(crate) fn new(stream: S, bytes_max: usize) -> Self {
        Self { stream, left: bytes_max }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(Err(io::Error::other("the other side says too much")));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.left = this.left.saturating_sub(buffer.filled().len() - before);
        polled
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

    use super::*;

    #[tokio::test]
    async fn a_line_without_an_end_is_given_up() {
        let mut reader = BufReader::new(Limited::new(tokio::io::repeat(b'2'), 100_000));
        let mut line = String::new();
        let error = reader.read_line(&mut line).await.unwrap_err();
        assert_eq!(error.to_string(), "the other side says too much");
        assert!(line.len() < 200_000);
    }

    #[tokio::test]
    async fn what_is_within_the_limit_is_read() {
        let mut reader = Limited::new(&b"220 ready\r\n"[..], 11);
        let mut text = [0; 11];
        reader.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"220 ready\r\n");
    }
}
