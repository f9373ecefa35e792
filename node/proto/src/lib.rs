//! The Ringtalk protocol as pure state machines.
#![no_std]
