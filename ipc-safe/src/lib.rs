//! placeholder docs
#![deny(unsafe_code)]

pub mod error;
pub mod process;
pub mod shared;
pub mod sysv;
mod wait;

pub use error::{Error, Result};
pub use ipc_sys as sys;
