// connects makes TCP connects that end in every way, on the loopback alone.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address(const char *host, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, host, &a.sin_addr);
	return a;
}

// expect connects and ends the program unless that ends in want. It returns the socket.
static int expect(int want, int kind, struct sockaddr_in to)
{
	int s = socket(AF_INET, kind, 0);
	int got = connect(s, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;

	if (got != want) {
		fprintf(stderr, "connect to port %d: %s, want %s\n", ntohs(to.sin_port), strerror(got), strerror(want));
		exit(1);
	}
	return s;
}

static int serve(int backlog, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	*at = address("127.0.0.1", 0);
	if (bind(s, (struct sockaddr *)at, len) || (backlog >= 0 && listen(s, backlog)) || getsockname(s, (struct sockaddr *)at, &len)) {
		perror("serve");
		exit(1);
	}
	return s;
}

int main(void)
{
	struct sockaddr_in open, full, closed;
	socklen_t len = sizeof(int);
	int s, error, one = 1, timeout = 300;
	struct pollfd p = {.events = POLLOUT};

	serve(8, &open);
	serve(0, &full);
	serve(-1, &closed); // bound, so that nobody else listens there

	expect(0, SOCK_STREAM, open); // 1 connect
	for (int i = 0; i < 3; i++)
		expect(ECONNREFUSED, SOCK_STREAM, closed);
	expect(ENETUNREACH, SOCK_STREAM, address("224.0.0.1", 80)); // refused before a packet is sent
	expect(0, SOCK_DGRAM, closed);                              // no TCP: not counted

	// The queue of full takes one; the next stays under way until it is given up, in the background.
	expect(0, SOCK_STREAM, full); // 2 connects
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(s, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	setsockopt(s, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one));
	if (!connect(s, (struct sockaddr *)&full, sizeof(full)) || errno != EINPROGRESS) { // 3 connects
		perror("connect to a full queue");
		return 1;
	}
	p.fd = s;
	if (poll(&p, 1, 60000) != 1 || getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) || error != ETIMEDOUT) {
		fprintf(stderr, "the connect to a full queue ended with %s\n", strerror(error));
		return 1;
	}

	// Under way, and asked for again: still one connect.
	s = socket(AF_INET, SOCK_STREAM, 0);
	fcntl(s, F_SETFL, O_NONBLOCK);
	if (connect(s, (struct sockaddr *)&open, sizeof(open)) && errno != EINPROGRESS) { // 4 connects
		perror("connect without waiting");
		return 1;
	}
	p.fd = s;
	if (poll(&p, 1, 60000) != 1 || (connect(s, (struct sockaddr *)&open, sizeof(open)) && errno != EISCONN)) {
		perror("connect again");
		return 1;
	}
	return 0;
}
