//! The simulator, held against what was recorded and against its own promises.
