//! Every connection that the lake opens.
