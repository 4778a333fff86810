//! The glommio assembly: pin, listen, the turn loop, the mesh, clock and entropy.
