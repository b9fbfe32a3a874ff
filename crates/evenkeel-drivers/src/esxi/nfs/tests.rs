//! Lists as hosts print them.
