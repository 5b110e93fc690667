//! Tokens of Entra's shape and forged ones, signed here; an issuer that counts who asks it, and one
//! over HTTP.

mod directory;
mod forged;
mod rotation;
mod scripted;
mod signing_in;
