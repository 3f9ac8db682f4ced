"""Lines as programs beyond the usual formats write them, from their documentation, and what is to be told of each."""

# What it looks like; the name of its format; of each entry its time, its severity, and what its message begins with.
LINES: dict[str, tuple[str, str, list[tuple[str, str | None, str]]]] = {
    "Tomcat": (
        "11-Oct-2026 22:14:15.003 SEVERE [main] org.apache.catalina.core.StandardService.initInternal no connector\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "ERROR", "[main] org.apache")],
    ),
    "java.util.logging": (
        "Oct 11, 2026 10:14:15 PM org.apache.catalina.core.StandardService startInternal\nINFO: Starting service\n"
        "Oct 12, 2026 12:00:16 AM org.apache.x.Y z\nSEVERE: failed\njava.lang.Error\n\tat a.b(C.java:1)\n",
        "text",
        [
            ("2026-10-11T22:14:15Z", "INFO", "org.apache.catalina.core.StandardService startInternal\nINFO: Starting"),
            ("2026-10-12T00:00:16Z", "ERROR", "org.apache.x.Y z\nSEVERE: failed\njava.lang"),
        ],
    ),
    "PHP with a place for a zone": (
        "[11-Oct-2026 22:14:15 Europe/Berlin] PHP Fatal error:  Uncaught Error in /a.php:3\nStack trace:\n#0 {main}\n"
        "  thrown in /a.php on line 3\n[11-Oct-2026 22:14:16 UTC] PHP Notice:  x\n",
        "text",
        [
            ("2026-10-11T22:14:15+02:00", "ERROR", "PHP Fatal error:  Uncaught Error in /a.php:3\nStack trace:\n#0"),
            ("2026-10-11T22:14:16+00:00", None, "PHP Notice"),
        ],
    ),
    "Django": (
        '[11/Oct/2026 22:14:15] "GET / HTTP/1.1" 500 1234\n',
        "text",
        [("2026-10-11T22:14:15Z", None, '"GET / HTTP/1.1" 500')],
    ),
    "days of America": (
        "10/13/2026 12:14:15 AM WARN slow\n10/11/2026 10:14:15 PM INFO up\n",
        "text",
        [("2026-10-13T00:14:15Z", "WARN", "slow"), ("2026-10-11T22:14:15Z", "INFO", "up")],
    ),
    "days of Europe": (
        "13/10/2026 22:14:15 WARN slow\n05/10/2026 22:14:15 INFO up\n14/10/2026 22:14:15 INFO up\n",
        "text",
        [
            ("2026-10-13T22:14:15Z", "WARN", "slow"),
            ("2026-10-05T22:14:15Z", "INFO", "up"),
            ("2026-10-14T22:14:15Z", "INFO", "up"),
        ],
    ),
    "MariaDB": (
        "2026-10-11 22:14:15 0 [Note] InnoDB: started\n2026-10-11  8:14:15 0 [Warning] InnoDB: slow\n",
        "text",
        [("2026-10-11T22:14:15Z", "INFO", "0 [Note]"), ("2026-10-11T08:14:15Z", "WARN", "0 [Warning]")],
    ),
    "MySQL's slow queries": (
        "# Time: 2026-10-11T22:14:15.003452Z\n# User@Host: root[root] @ localhost []  Id:     8\nSELECT SLEEP(2);\n"
        "# Time: 2026-10-11T22:14:25.003452Z\n# Query_time: 3.000000  Lock_time: 0.000000\nSELECT SLEEP(3);\n",
        "text",
        [
            ("2026-10-11T22:14:15.003452Z", None, "# Time: 2026-10-11T22:14:15.003452Z\n# User@Host"),
            ("2026-10-11T22:14:25.003452Z", None, "# Time: 2026-10-11T22:14:25.003452Z\n# Query_time"),
        ],
    ),
    "Elasticsearch": (
        "[2026-10-11T22:14:15,003][WARN ][o.e.c.r.a.DiskThresholdMonitor] [node-1] high disk watermark\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "WARN", "[o.e.c.r.a.DiskThresholdMonitor]")],
    ),
    "Celery": (
        "[2026-10-11 22:14:15,003: ERROR/ForkPoolWorker-1] Task x raised\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "ERROR", "ERROR/ForkPoolWorker-1] Task")],
    ),
    "Envoy": (
        "[2026-10-11 22:14:15.003][1][critical][main] [source/server/server.cc:1] bad\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "CRITICAL", "[1][critical]")],
    ),
    "Asterisk": (
        "[Oct 11 22:14:15] WARNING[1234][C-0001] chan_sip.c: bad\n",
        "text",
        [("2026-10-11T22:14:15Z", "WARN", "WARNING[1234]")],
    ),
    "BIND": (
        "11-Oct-2026 22:14:15.003 general: notice: running\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "NOTICE", "general: notice: running")],
    ),
    "MongoDB before 4.4": (
        "2026-10-11T22:14:15.003+0200 E STORAGE  [conn1] bad\n",
        "text",
        [("2026-10-11T22:14:15.003+02:00", "ERROR", "E STORAGE")],
    ),
    "Consul, which indents": (
        "    2026-10-11T22:14:15.003Z [WARN]  agent: slow\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "WARN", "agent: slow")],
    ),
    "colours of a terminal": (
        "\x1b[32m2026-10-11 22:14:15\x1b[0m \x1b[31mERROR\x1b[0m boom\n",
        "text",
        [("2026-10-11T22:14:15Z", "ERROR", "boom")],
    ),
    "Redis, with its time further in": (
        "1234:M 11 Oct 2026 22:14:15.003 * Ready to accept connections\n",
        "text",
        [("2026-10-11T22:14:15.003Z", None, "1234:M 11 Oct 2026 22:14:15.003 * Ready")],
    ),
    "Docker Compose": (
        "web-1  | 2026-10-11T22:14:15.003Z ERROR bad\ndb-1   | 2026-10-11 22:14:16.003 UTC [1] LOG:  starting\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "ERROR", "web-1  | 2026"), ("2026-10-11T22:14:16.003Z", None, "db-1   | 2026")],
    ),
    "Rails": (
        "E, [2026-10-11T22:14:15.003452 #1234] ERROR -- : boom\nI, [2026-10-11T22:14:16.003452 #1234]  INFO -- : up\n",
        "text",
        [("2026-10-11T22:14:15.003452Z", "ERROR", "E, ["), ("2026-10-11T22:14:16.003452Z", "INFO", "I, [")],
    ),
    "Cassandra": (
        "INFO  [main] 2026-10-11 22:14:15,003 StorageService.java:600 - Starting up\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "INFO", "INFO  [main]")],
    ),
    "Cisco's routers": (
        "<189>29: router1: *Oct 11 22:14:15.003: %LINEPROTO-5-UPDOWN: Line protocol changed state to up\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "NOTICE", "<189>29: router1")],
    ),
    "fail2ban": (
        "2026-10-11 22:14:15,003 fail2ban.actions        [123]: NOTICE  [sshd] Ban 1.2.3.4\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "NOTICE", "fail2ban.actions")],
    ),
    "a time before JSON": (
        '2026-10-11T22:14:15.003Z {"level":"error","msg":"x"}\n',
        "text",
        [("2026-10-11T22:14:15.003Z", "ERROR", '{"level"')],
    ),
    "Go's panic": (
        "starting up\npanic: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/a.go:8 +0x1d\n"
        "exit status 2\nnext line\n",
        "text",
        [
            ("2026-10-14T00:00:00.000000+00:00", None, "starting up"),
            ("2026-10-14T00:00:00.000000+00:00", "FATAL", "panic: index out of range\n\ngoroutine 1 [running]:\nmain"),
            ("2026-10-14T00:00:00.000000+00:00", None, "next line"),
        ],
    ),
    ".NET's console": (
        "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://localhost:5000\n"
        "fail: Shop.Cart[13]\n      System.InvalidOperationException: bad\n         at A.B.C() in /src/C.cs:line 3\n",
        "dotnet_console",
        [
            ("2026-10-14T00:00:00.000000+00:00", "INFO", "info: Microsoft.Hosting.Lifetime[14]\n      Now"),
            ("2026-10-14T00:00:00.000000+00:00", "ERROR", "fail: Shop.Cart[13]\n      System"),
        ],
    ),
    "syslog over TCP, counted": (
        "77 <34>1 2026-10-11T22:14:15.003Z mail.example.com su - ID47 - failed for root\n",
        "syslog_5424",
        [("2026-10-11T22:14:15.003Z", "CRITICAL", "failed for root")],
    ),
    "a virtual host without a port": (
        'www.a.test 10.0.0.9 - - [11/Oct/2026:22:14:15 +0000] "GET / HTTP/1.1" 200 12\n',
        "web_access",
        [("2026-10-11T22:14:15+00:00", "INFO", '"GET /')],
    ),
    "PostgreSQL at Amazon": (
        "2026-10-11 22:14:15 UTC:10.0.0.1(3456):app@shop:[31]:ERROR:  no relation\n"
        "2026-10-11 22:14:15 UTC:10.0.0.1(3456):app@shop:[31]:STATEMENT:  select\n",
        "postgres",
        [("2026-10-11T22:14:15Z", "ERROR", "no relation\n2026")],
    ),
    "auditd": (
        "type=SYSCALL msg=audit(1760220855.123:4567): arch=c000003e syscall=2 success=no\n",
        "auditd",
        [("2025-10-11T22:14:15.123Z", None, "arch=c000003e")],
    ),
    "logfmt with a word alone": (
        'level=warn ts=2026-10-11T22:14:15Z msg="no route" retrying\n',
        "logfmt",
        [("2026-10-11T22:14:15Z", "WARN", "no route")],
    ),
    "Amazon's application load balancer": (
        "h2 2026-10-11T22:14:15.186641Z app/my-lb/50dc6c495c0c9188 10.0.0.39:2817 10.0.0.1:80 0.000 0.001 0.000 502 502"
        ' 34 366 "GET https://www.example.com:443/ HTTP/2.0" "curl/8" - - arn "Root=1-58337262" "-" "-" 0\n',
        "aws_elb",
        [("2026-10-11T22:14:15.186641Z", "ERROR", '"GET https')],
    ),
    "Amazon's classic load balancer": (
        "2026-10-11T22:14:15.945958Z my-lb 10.0.0.39:2817 10.0.0.1:80 0.00007 0.00104 0.00005 200 200 0 29"
        ' "GET http://www.example.com:80/ HTTP/1.1" "curl/8" - -\n',
        "aws_elb",
        [("2026-10-11T22:14:15.945958Z", "INFO", '"GET http')],
    ),
    "S3's access log": (
        "79a59df900b949e5 my-bucket [11/Oct/2026:22:14:15 +0000] 192.0.2.3 79a59df900b949e5 3E57427F3EXAMPLE"
        ' REST.GET.OBJECT a/b "GET /a/b HTTP/1.1" 404 NoSuchKey 113 - 7 - "-" "S3Console/0.4" -\n',
        "s3_access",
        [("2026-10-11T22:14:15+00:00", "WARN", "REST.GET.OBJECT a/b")],
    ),
    "a network's flows": (
        "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1760220855 1760220915 ACCEPT OK\n"
        "2 123456789010 eni-1235b8ca - - - - - - - 1760220856 1760220916 - NODATA\n",
        "vpc_flow",
        [("2025-10-11T22:14:15Z", None, "ACCEPT OK"), ("2025-10-11T22:14:16Z", None, "- NODATA")],
    ),
    "a network's flows with their names": (
        "version account-id interface-id srcaddr dstaddr start end action log-status\n"
        "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 1760220855 1760220915 ACCEPT OK\n",
        "declared",
        [("2025-10-11T22:14:15Z", None, "2 123456789010")],
    ),
    "CloudFront": (
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method sc-status\n"
        "2026-10-11\t22:14:15\tLAX1\t2390\t192.0.2.202\tGET\t503\n",
        "declared",
        [
            ("2026-10-11T22:14:15Z", None, "#Version"),
            ("2026-10-11T22:14:15Z", None, "#Fields"),
            ("2026-10-11T22:14:15Z", "ERROR", "2026-10-11\t22:14:15\tLAX1"),
        ],
    ),
    "IIS": (
        "#Fields: date time s-ip cs-method cs-uri-stem s-port cs-username c-ip sc-status time-taken\n"
        "2026-10-11 22:14:15 10.0.0.1 GET /a 80 - 10.0.0.2 200 15\n",
        "declared",
        [("2026-10-11T22:14:15Z", None, "#Fields"), ("2026-10-11T22:14:15Z", "INFO", "2026-10-11 22:14:15 10.0.0.1")],
    ),
    "Zeek": (
        "#separator \\x09\n#fields\tts\tuid\tid.orig_h\tproto\n1760220855.003452\tC1\t10.0.0.1\ttcp\n",
        "declared",
        [
            ("2025-10-11T22:14:15.003452Z", None, "#separator"),
            ("2025-10-11T22:14:15.003452Z", None, "#fields"),
            ("2025-10-11T22:14:15.003452Z", None, "1760220855.003452\tC1"),
        ],
    ),
    "Windows' events as CSV": (
        "Level,Date and Time,Source,Event ID,Task Category\n"
        "Information,10/11/2026 10:14:15 PM,Service Control Manager,7036,None,The service is running.\n"
        'Error,10/13/2026 10:14:16 PM,disk,7,None,"The device, \\Device\\Harddisk0,\nhas a bad block."\n',
        "csv",
        [
            ("2026-10-11T22:14:15Z", "INFO", "The service is running."),
            ("2026-10-13T22:14:16Z", "ERROR", "The device, \\Device\\Harddisk0,\nhas"),
        ],
    ),
    "PowerShell's events as CSV": (
        '"TimeCreated","Id","LevelDisplayName","ProviderName","Message"\n'
        '"10/13/2026 10:14:16 PM","7","Error","disk","bad block"\n',
        "csv",
        [("2026-10-13T22:14:16Z", "ERROR", "bad block")],
    ),
    "CSV with a day and an hour": (
        "Date,Time,Level,Message\n2026-10-11,22:14:15,ERROR,boom\n2026-10-11,22:14:16,INFO,ok\n",
        "csv",
        [("2026-10-11T22:14:15Z", "ERROR", "boom"), ("2026-10-11T22:14:16Z", "INFO", "ok")],
    ),
    "Azure Monitor's export": (
        "TimeGenerated [UTC],SeverityLevel,Message\n"
        '"10/11/2026, 10:14:15.003 PM",3,boom\n"10/13/2026, 10:14:15.003 PM",1,ok\n',
        "csv",
        [("2026-10-11T22:14:15.003Z", None, "boom"), ("2026-10-13T22:14:15.003Z", None, "ok")],
    ),
    "a CSV of one record over two lines": (
        '@timestamp,@message,@logStream\n2026-10-11 22:14:15.003,"[ERROR] x\nsecond",abc\n',
        "csv",
        [("2026-10-11T22:14:15.003Z", "ERROR", "[ERROR] x\nsecond")],
    ),
    "MongoDB": (
        '{"t":{"$date":"2026-10-11T22:14:15.003+00:00"},"s":"E","c":"NETWORK","id":22943,"ctx":"listener","msg":"bad"}\n',
        "json_lines",
        [("2026-10-11T22:14:15.003+00:00", "ERROR", "bad")],
    ),
    "Google's entries": (
        '{"insertId":"x","jsonPayload":{"message":"hello"},"severity":"ERROR","timestamp":"2026-10-11T22:14:15.003Z"}\n'
        '{"insertId":"y","textPayload":"plain","severity":"INFO","timestamp":"2026-10-11T22:14:15.003Z"}\n',
        "json_lines",
        [("2026-10-11T22:14:15.003Z", "ERROR", "hello"), ("2026-10-11T22:14:15.003Z", "INFO", "plain")],
    ),
    "a record of OpenTelemetry": (
        '{"timeUnixNano":"1760220855003452711","severityNumber":17,"body":{"stringValue":"boom"}}\n',
        "json_lines",
        [("2025-10-11T22:14:15.003452711Z", "ERROR", "boom")],
    ),
    "a time one level further in": (
        '{"event":{"created":"2026-10-11T22:14:15Z","action":"login"},"user":"a"}\n',
        "json_lines",
        [("2026-10-11T22:14:15Z", None, '{"event"')],
    ),
    "Kubernetes' audit": (
        '{"kind":"Event","level":"Metadata","verb":"get","requestReceivedTimestamp":"2026-10-11T22:14:15.003452Z"}\n',
        "json_lines",
        [("2026-10-11T22:14:15.003452Z", None, '{"kind"')],
    ),
    "lines that end as on the first Macs": (
        "2026-10-11 22:14:15 ERROR boom\r2026-10-11 22:14:16 INFO up\r",
        "text",
        [("2026-10-11T22:14:15Z", "ERROR", "boom"), ("2026-10-11T22:14:16Z", "INFO", "up")],
    ),
    "the turn of a year": (
        "Dec 31 23:59:59 web-1 app[1]: old\nJan  1 00:00:01 web-1 app[1]: new\n",
        "syslog",
        [("2025-12-31T23:59:59Z", None, "old"), ("2026-01-01T00:00:01Z", None, "new")],
    ),
    "log4j's default, which tells no day": (
        "22:14:15.003 [main] ERROR com.x.App - bad\njava.lang.Error: x\n\tat a.b(C.java:1)\n"
        "22:14:16.003 [main] INFO  com.x.App - up\n",
        "text",
        [
            ("2026-10-13T22:14:15.003Z", "ERROR", "[main] ERROR com.x.App - bad\njava"),
            ("2026-10-13T22:14:16.003Z", "INFO", "[main] INFO  com.x.App"),
        ],
    ),
    "Serilog's console": (
        "[22:14:15 WRN] Slow\n",
        "text",
        [("2026-10-13T22:14:15Z", "WARN", "WRN] Slow")],
    ),
    "minutes alone": (
        "2026-10-11 22:14 ERROR bad\n",
        "text",
        [("2026-10-11T22:14:00Z", "ERROR", "bad")],
    ),
    "months in full": (
        "October 11, 2026 22:14:15 ERROR bad\n",
        "text",
        [("2026-10-11T22:14:15Z", "ERROR", "bad")],
    ),
    "Artifactory, which is no syslog": (
        "2026-10-11T22:14:15.003Z [jfrt ] [ERROR] [abc] [o.a.X:12] [main] - bad\n",
        "text",
        [("2026-10-11T22:14:15.003Z", "ERROR", "[jfrt ] [ERROR]")],
    ),
    "syslog with a zone": (
        "Oct 11 22:14:15 CEST web-1 app[1]: up\n",
        "syslog",
        [("2026-10-11T22:14:15+02:00", None, "up")],
    ),
    "TSV with other names": (
        "Time\tSeverity\tText\r\n2026-10-11 22:14:15\tError\tboom\r\n2026-10-11 22:14:16\tInformation\tup\r\n",
        "tsv",
        [("2026-10-11T22:14:15Z", "ERROR", "boom"), ("2026-10-11T22:14:16Z", "INFO", "up")],
    ),
}
