/* fetch.c - one HTTP GET over a new connection, within a time limit.
 *
 * 0 is the answer 200; anything else is an error: another status, or -errno. */
#include "demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Rounded up to milliseconds, or it would give up before its deadline. */
static int wait_for(int fd, short events, uint64_t deadline_ns)
{
    struct pollfd ready = {fd, events, 0};
    int n;
    do {
        uint64_t now = weir_clock_now_ns(NULL);
        uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
        n = poll(&ready, 1, (int)((left + MS - 1) / MS));
    } while (n < 0 && errno == EINTR);
    return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

static int dial(int fd, int port, uint64_t deadline_ns)
{
    struct sockaddr_in address;
    int rc, error = 0;
    socklen_t size = sizeof error;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return -errno;
    rc = wait_for(fd, POLLOUT, deadline_ns);
    if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        rc = -errno;
    return rc == 0 ? -error : rc;
}

/* Small enough for the send buffer of a new connection to take it whole. */
static int ask(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    ssize_t sent = send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent == sizeof request - 1 ? 0 : -EIO;
}

/* The status of an answer, "HTTP/1.1 200 OK" and so on. */
static int hear(int fd, uint64_t deadline_ns)
{
    char text[512] = "";
    size_t used = 0;
    while (used < sizeof text - 1 && !strstr(text, "\r\n\r\n")) {
        ssize_t got;
        int rc = wait_for(fd, POLLIN, deadline_ns);
        if (rc != 0)
            return rc;
        got = recv(fd, text + used, sizeof text - 1 - used, 0);
        if (got <= 0)
            return got < 0 ? -errno : -ECONNRESET;
        used += (size_t)got;
        text[used] = '\0';
    }
    long status = strncmp(text, "HTTP/1.1 ", 9) == 0
                      ? strtol(text + 9, NULL, 10)
                      : 0;
    return status >= 100 && status <= 599 ? (int)status : -EPROTO;
}

int fetch(int port, uint64_t limit_ns)
{
    /* A minute is for ever here, and the sum stays in its range. */
    uint64_t longest = 60000 * MS;
    uint64_t deadline = weir_clock_now_ns(NULL) +
                        (limit_ns < longest ? limit_ns : longest);
    int rc, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -errno;
    rc = dial(fd, port, deadline);
    if (rc == 0)
        rc = ask(fd);
    if (rc == 0)
        rc = hear(fd, deadline);
    close(fd);
    return rc == 200 ? 0 : rc;
}
