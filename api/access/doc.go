// Package access says who a request comes from and what that caller may do: by a bearer token, a user with a
// password, a client certificate, or a signature over the body. It reads the files that hold those, and reads
// them again when it is asked to. It knows no route and answers no request.
//
// Whatever depends on a secret takes the same time whether it is right or wrong, for all that a caller can
// learn from that.
package access
