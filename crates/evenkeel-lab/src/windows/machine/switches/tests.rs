//! Building, reaching and taking apart.
