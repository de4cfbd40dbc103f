/* server.c - a small HTTP server that follows the fault script.
 *
 * One thread accepts, four work, a pipe is the queue between them.  Two things
 * make it sick in the way of real servers:
 *   - it works for clients that have hung up, since it does not notice;
 *   - beyond ROOMY requests at a time, each further one costs every request
 *     CROWD_MS more, as locks, paging and garbage collection do.
 * So a crowd can keep it down when its own trouble is long over: a metastable
 * failure (Bronson et al., HotOS 2021).  With CROWD_MS at 0 it shrugs a crowd
 * off: then naked calls recover as soon and more of them are answered, and
 * what weir still spares are the server's load and the clients' threads. */
#include "demo.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD_MS = 10, TICK_MS = 10 };

static struct {
    uint64_t start_ns;
    uint16_t port;
    int socket, listening, endured; /* of the acceptor */
    int queue[2];                   /* a pipe of accepted sockets */
    atomic_int crowd;               /* requests queued and worked on */
    atomic_int stop;
    int threads; /* started, the acceptor first */
    pthread_t acceptor, worker[WORKERS];
} server;

static int phase_now(void)
{
    return script_phase(server.start_ns, weir_clock_now_ns(NULL));
}

/* Binds to a port of the loopback, 0: one that is free.  Until it listens the
 * kernel refuses connections, and gives the port to nobody else. */
static int bind_port(uint16_t *port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(*port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

/* Crashes or comes up again; what fails is tried again at the next tick. */
static void set_listening(int up)
{
    if (up == server.listening)
        return;
    if (!up)
        close(server.socket);
    if (!up || server.socket < 0)
        server.socket = bind_port(&server.port);
    server.listening = up && server.socket >= 0 &&
                        listen(server.socket, 128) == 0;
}

static void *accept_loop(void *arg)
{
    (void)arg;
    while (!atomic_load(&server.stop)) {
        int fd = -1, phase = phase_now();
        struct pollfd ready = {-1, POLLIN, 0};
        set_listening(script[phase].status != 0);
        if (server.listening)
            ready.fd = server.socket;
        if (poll(&ready, 1, TICK_MS) > 0)
            fd = accept(server.socket, NULL, NULL);
        if (fd < 0)
            continue;
        server.endured += script_sick(phase);
        atomic_fetch_add(&server.crowd, 1);
        if (write(server.queue[1], &fd, sizeof fd) != sizeof fd)
            close(fd);
    }
    return NULL;
}

/* One read will do: the request is small, and all are answered alike. */
static int read_request(int fd)
{
    char text[512];
    struct pollfd ready = {fd, POLLIN, 0};
    return poll(&ready, 1, 200) > 0 && recv(fd, text, sizeof text, 0) > 0;
}

/* Works until done, or until the phase changes: what waits for a database that
 * dies is answered at once, and a crash answers nobody. */
static int work(void)
{
    int phase = phase_now(), cost_ms = script[phase].work_ms;
    int crowd = atomic_load(&server.crowd);
    uint64_t now = weir_clock_now_ns(NULL), done;
    if (cost_ms > 0 && crowd > ROOMY)
        cost_ms += (crowd - ROOMY) * CROWD_MS;
    done = now + (uint64_t)cost_ms * MS;
    while (now < done && phase_now() == phase &&
           !atomic_load(&server.stop)) {
        uint64_t nap = now + TICK_MS * MS;
        weir_clock_sleep_until(weir_clock_monotonic(), nap < done ? nap : done,
                               NULL);
        now = weir_clock_now_ns(NULL);
    }
    return atomic_load(&server.stop) ? 0 : script[phase_now()].status;
}

static void *work_loop(void *arg)
{
    int fd;
    (void)arg;
    while (read(server.queue[0], &fd, sizeof fd) == sizeof fd) {
        char text[128];
        int status = read_request(fd) ? work() : 0;
        int size = snprintf(text, sizeof text,
                            "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n"
                            "Connection: close\r\n\r\n", status,
                            status == 200 ? "OK" : "Service Unavailable");
        if (status != 0)
            send(fd, text, (size_t)size, MSG_NOSIGNAL);
        close(fd);
        atomic_fetch_sub(&server.crowd, 1);
    }
    return NULL;
}

static int start_threads(void)
{
    if (pthread_create(&server.acceptor, NULL, accept_loop, NULL) != 0)
        return -1;
    for (server.threads = 1; server.threads <= WORKERS; server.threads++)
        if (pthread_create(&server.worker[server.threads - 1], NULL,
                           work_loop, NULL) != 0)
            return -1;
    return 0;
}

int server_start(uint64_t start_ns)
{
    memset(&server, 0, sizeof server);
    if (pipe(server.queue) < 0)
        return -1;
    server.start_ns = start_ns;
    server.socket = -1;
    set_listening(1);
    if (server.listening && start_threads() == 0)
        return server.port;
    server_stop();
    return -1;
}

int server_stop(void)
{
    atomic_store(&server.stop, 1);
    if (server.threads > 0)
        pthread_join(server.acceptor, NULL);
    close(server.queue[1]); /* the end of the queue, for the workers */
    for (int i = 0; i < server.threads - 1; i++)
        pthread_join(server.worker[i], NULL);
    close(server.queue[0]);
    if (server.socket >= 0)
        close(server.socket);
    return server.listening ? server.endured : -1;
}
