//! The default store: one SQLite file, for one machine.
