/* startup COUNT PROGRAM: starts a Lambda bootstrap so many times, and prints the median time from its start to its first GET
 * …/invocation/next (microseconds) and its peak memory by then (KiB). Plays the Runtime API, and the Extensions API where a program
 * registers one. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int listen_on_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 64) || getsockname(fd, (struct sockaddr *)&address, &length))
        exit(1);
    *port = ntohs(address.sin_port);
    return fd;
}

static void answer_registration(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: x\r\nContent-Length: 2\r\n\r\n{}";
    if (write(fd, answer, sizeof answer - 1) < 0) exit(1);
}

/* Reads what comes on one connection; true where it is the question for the next invocation. */
static int asks_for_next(int fd)
{
    char text[8192];
    for (;;) {
        ssize_t count = read(fd, text, sizeof text - 1);
        if (count <= 0) return 0;
        text[count] = 0;
        if (strstr(text, "/runtime/invocation/next")) return 1;
        if (strstr(text, "/extension/register")) answer_registration(fd);
    }
}

static void wait_for_next(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) exit(1);
        char peek[64] = {0};
        ssize_t seen = recv(fd, peek, sizeof peek - 1, MSG_PEEK);
        int registers = seen > 0 && strstr(peek, "/extension/") != NULL;
        if (registers) {
            char rest[8192];
            if (read(fd, rest, sizeof rest) > 0) answer_registration(fd);
            continue; /* it stays open: the extension waits on it */
        }
        if (asks_for_next(fd)) return;
        close(fd);
    }
}

static long peak_of(pid_t pid)
{
    char path[64], line[256];
    long peak = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &peak) == 1) break;
    if (file) fclose(file);
    return peak;
}

static int by_value(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[1]) : 0, port;
    if (count < 1) return fputs("usage: startup COUNT PROGRAM\n", stderr), 2;
    double *times = calloc((size_t)count, sizeof *times);
    long peak = 0;
    int listener = listen_on_loopback(&port);
    char api[64];
    snprintf(api, sizeof api, "127.0.0.1:%d", port);
    setenv("AWS_LAMBDA_RUNTIME_API", api, 1);
    for (int i = 0; i < count; i++) {
        pid_t pid;
        char *arguments[] = {argv[2], NULL};
        double start = now();
        if (posix_spawn(&pid, argv[2], NULL, NULL, arguments, environ) != 0) return perror(argv[2]), 1;
        wait_for_next(listener);
        times[i] = now() - start;
        long now_peak = peak_of(pid);
        if (now_peak > peak) peak = now_peak;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        for (int fd = listener + 1; fd < listener + 16; fd++) close(fd);
    }
    qsort(times, (size_t)count, sizeof *times, by_value);
    printf("%.0f %ld\n", times[count / 2], peak);
    return 0;
}
