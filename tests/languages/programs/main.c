#include <arpa/inet.h>
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void boom(int broken) {
    assert(!broken); // here
}

int main(int argc, char **argv) {
    const char *mode = argv[1];
    if (!strcmp(mode, "hello")) {
        puts(pow(argc, 2) == 4 ? "hello ä€😀" : "no");
    } else if (!strcmp(mode, "args")) {
        for (int i = 2; i < argc; i++) printf("[%s]\n", argv[i]);
    } else if (!strcmp(mode, "cat")) {
        char buffer[4096];
        size_t length;
        while ((length = fread(buffer, 1, sizeof buffer, stdin)) > 0) fwrite(buffer, 1, length, stdout);
    } else if (!strcmp(mode, "env")) {
        printf("[%s]\n", getenv("WORD"));
    } else if (!strcmp(mode, "memory")) {
        puts("filling");
        fflush(stdout);
        for (;;) {
            volatile char *part = (volatile char *)malloc(8 << 20);
            for (long index = 0; part && index < 8 << 20; index += 512) part[index] = 1;
        }
    } else if (!strcmp(mode, "exit")) {
        return 3;
    } else if (!strcmp(mode, "stderr")) {
        puts("out");
        fputs("err\n", stderr);
    } else if (!strcmp(mode, "crash")) {
        boom(1);
    } else if (!strcmp(mode, "loop")) {
        puts("looping");
        fflush(stdout);
        for (volatile unsigned long turns = 0;; turns++) {
        }
    } else if (!strcmp(mode, "child")) {
        if (fork() == 0) {
            setsid();
            freopen("/dev/null", "w", stdout);
            execlp("sleep", "sleep", "6021", (char *)NULL);
        }
        puts("begun");
    } else if (!strcmp(mode, "mebibyte")) {
        for (int i = 0; i < 16384; i++) printf("%063d\n", i);
    } else if (!strcmp(mode, "files")) {
        char text[100] = {0};
        FILE *in = fopen("in.txt", "r"), *out = fopen("out.txt", "w");
        size_t length = fread(text, 1, sizeof text, in);
        fwrite(text, 1, length, out);
        fputc('!', out);
        return fclose(out);
    } else if (!strcmp(mode, "net")) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
        inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
        int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
        puts(connect(socket_fd, (struct sockaddr *)&address, sizeof address) == 0 ? "connected" : "no network");
    }
    return 0;
}
