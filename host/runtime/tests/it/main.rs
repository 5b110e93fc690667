//! What the runtime promises, shown with hand-made guests: one test binary.

mod support;

mod cache;
mod hostile;
mod packages;
mod runner;
