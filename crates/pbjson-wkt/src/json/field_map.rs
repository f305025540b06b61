//! The two types that prost can give a map field: `HashMap`, or `BTreeMap` where the generator was told so.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// The entries of a map field.
pub trait FieldMap {
    /// The type of a key.
    type Key;
    /// The type of a value.
    type Value;

    /// How many entries there are.
    fn size(&self) -> usize;

    /// All entries, in the order of the type.
    fn entries(&self) -> impl Iterator<Item = (&Self::Key, &Self::Value)>;

    /// Adds an entry; whether the key was there before.
    fn put(&mut self, key: Self::Key, value: Self::Value) -> bool;
}

impl<K: Eq + Hash, V> FieldMap for HashMap<K, V> {
    type Key = K;
    type Value = V;

    fn size(&self) -> usize {
        self.len()
    }

    fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.iter()
    }

    fn put(&mut self, key: K, value: V) -> bool {
        self.insert(key, value).is_some()
    }
}

impl<K: Ord, V> FieldMap for BTreeMap<K, V> {
    type Key = K;
    type Value = V;

    fn size(&self) -> usize {
        self.len()
    }

    fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.iter()
    }

    fn put(&mut self, key: K, value: V) -> bool {
        self.insert(key, value).is_some()
    }
}
