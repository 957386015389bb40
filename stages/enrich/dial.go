package enrich

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// dial connects to a socket, and refuses one that is not served by whom its file says. A path can lead
// through a user's folder, who may have put his own socket, or a link, in the place of the one that was
// looked at.
func (s socket) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.path)
	if err != nil {
		return nil, err
	}
	if err := s.checkPeer(conn.(*net.UnixConn)); err != nil {
		conn.Close() // nothing was said yet
		return nil, err
	}
	return conn, nil
}

// checkPeer looks at who listens: the kernel keeps the credentials of the process that called listen
// (unix(7), SO_PEERCRED).
func (s socket) checkPeer(conn *net.UnixConn) error {
	if s.users {
		return nil // it is not trusted anyway
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("look at who serves %s: %w", s.path, err)
	}
	var peer *unix.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return fmt.Errorf("look at who serves %s: %w", s.path, err)
	}
	if peerErr != nil {
		return fmt.Errorf("look at who serves %s: %w", s.path, peerErr)
	}
	if isUser(peer.Uid) {
		return fmt.Errorf("%s is served by user %d, and the socket is not that user's: not trusted", s.path, peer.Uid)
	}
	return nil
}
