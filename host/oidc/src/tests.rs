//! Tokens of Entra's shape and forged ones, signed here; an issuer that counts who asks it.

mod forged;
mod rotation;
mod scripted;
mod signing_in;
