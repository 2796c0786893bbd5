# What `perf script -F ip,sym,dso` tells, by owner: a sample is of the innermost function that a rule
# names; one in the kernel is of the system call it was made by. docs/performance.md says how to run it.

function owner(text) {
    if (text ~ /View::pod_named|NodeRecord::pod_named|Intake::record::/) return "which pods these are"
    if (text ~ /promtext/) return "decode"
    if (text ~ /store::|imbl::/) return "store"
    if (text ~ /rustls|aws_lc/) return "TLS"
    if (text ~ /hyper|<?http::|httparse|bytes::|scrape::kubelet/) return "HTTP"
    if (text ~ /tracing|prometheus|sharded_slab|NodeTask::settle|NodeTask::tell/) return "spans and metrics"
    if (text ~ /runtime::time|tokio::time/) return "timers"
    if (text ~ /kube_vitals::scrape/) return "scrape task"
    if (text ~ /tokio|mio::/) return "runtime"
    if (text ~ /kube_vitals/) return "rest of the server"
    return ""
}

function call(stack) {
    if (stack ~ /tcp_sendmsg|writev/) return "kernel: send"
    if (stack ~ /tcp_recvmsg|recvfrom/) return "kernel: receive"
    if (stack ~ /futex/) return "kernel: futex"
    if (stack ~ /epoll/) return "kernel: epoll"
    if (stack ~ /fault/) return "kernel: page faults"
    return "kernel: other"
}

function sampled() {
    if (stack == "") return
    samples++
    if (in_kernel) found = call(stack)
    count[found == "" ? "unknown" : found]++
    stack = found = ""
}

NF == 0 { sampled(); next }
/^[^ \t]/ { next }
stack == "" { in_kernel = /kernel\.kallsyms/ }
{
    stack = stack " " $0
    if (found == "") found = owner($0)
}
END {
    sampled()
    for (name in count) printf "%5.1f %%  %s\n", 100 * count[name] / samples, name | "sort -rn"
}
