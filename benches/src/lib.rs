//! What a request costs: the load recipe that measures any S3 endpoint from outside. The parts are measured by the
//! criterion benches beside it.

pub mod load;
