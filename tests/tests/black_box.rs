//! All black-box tests in one program, since every test program is linked separately. Each file is a module.

mod cage;
mod command_line;
mod compose;
mod compose_networks;
mod conversation;
mod director;
mod documents;
mod faults;
mod flood;
mod full_speed;
mod hostile;
mod joining;
mod json_input;
mod lying_member;
mod membership;
mod names;
mod networks;
mod partition;
mod pictures;
mod private;
mod ring_viz;
mod rush;
mod screen;
mod strangers;
mod transient;
mod unlisted;
