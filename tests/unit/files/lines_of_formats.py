"""Lines in every format, written from what its documentation says, and the entries that they are."""

from typing import Any

# The name of the format, what it looks like, and what comes of it.
CASES: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    "log4j with a thread": (
        "log4j",
        "2026-10-18 18:01:47,978 INFO [IPC Server handler 0 on 62270] org.shop.cart.Basket: added 3 items\n"
        "2026-10-18 18:01:48,001 WARN [main] org.shop.Main(120): slow\n",
        [
            {
                "message": "added 3 items",
                "timestamp": "2026-10-18T18:01:47.978Z",
                "severity": "INFO",
                "attributes": {"thread": "IPC Server handler 0 on 62270", "logger": "org.shop.cart.Basket"},
            },
            {
                "message": "slow",
                "timestamp": "2026-10-18T18:01:48.001Z",
                "severity": "WARN",
                "attributes": {"thread": "main", "logger": "org.shop.Main", "line": "120"},
            },
        ],
    ),
    "logback": (
        "log4j",
        "2026-10-18 18:01:47.978 [http-nio-8080-exec-1] ERROR shop.cart.Basket - no such item\n",
        [
            {
                "message": "no such item",
                "timestamp": "2026-10-18T18:01:47.978Z",
                "severity": "ERROR",
                "attributes": {"thread": "http-nio-8080-exec-1", "logger": "shop.cart.Basket"},
            }
        ],
    ),
    "ZooKeeper": (
        "log4j",
        "2026-10-18 18:01:47,978 [myid:1] - WARN  [worker[a=1]/0:0:Peer@774] - timed out\n",
        [
            {
                "message": "timed out",
                "timestamp": "2026-10-18T18:01:47.978Z",
                "severity": "WARN",
                "attributes": {"context": "myid:1", "thread": "worker[a=1]/0:0:Peer@774"},
            }
        ],
    ),
    "Spring Boot": (
        "log4j",
        "2026-10-18T18:01:47.978+02:00  INFO 4711 --- [shop] [           main] c.e.ShopApplication    : Started\n",
        [
            {
                "message": "Started",
                "timestamp": "2026-10-18T18:01:47.978+02:00",
                "severity": "INFO",
                "attributes": {
                    "pid": "4711",
                    "thread": "[shop] [           main] ",
                    "logger": "c.e.ShopApplication",
                },
            }
        ],
    ),
    "Spark": (
        "log4j",
        "26/10/18 18:01:47 INFO storage.Blocks: found 2\n",
        [
            {
                "message": "found 2",
                "timestamp": "2026-10-18T18:01:47Z",
                "severity": "INFO",
                "attributes": {"logger": "storage.Blocks"},
            }
        ],
    ),
    "HDFS": (
        "log4j",
        "261018 180147 148 WARN fs.Node$Sender: gave up\n",
        [
            {
                "message": "gave up",
                "timestamp": "2026-10-18T18:01:47Z",
                "severity": "WARN",
                "attributes": {"thread": "148", "logger": "fs.Node$Sender"},
            }
        ],
    ),
    "logcat": (
        "logcat",
        "10-17 16:13:38.811  1702  2395 D PowerService  : acquire: lock=1\n"
        "10-17 16:13:38.812  1702  2395 E AndroidRuntime: gone\n",
        [
            {
                "message": "acquire: lock=1",
                "timestamp": "2026-10-17T16:13:38.811Z",
                "severity": "DEBUG",
                "attributes": {"pid": "1702", "tid": "2395", "tag": "PowerService"},
            },
            {
                "message": "gone",
                "timestamp": "2026-10-17T16:13:38.812Z",
                "severity": "ERROR",
                "attributes": {"pid": "1702", "tid": "2395", "tag": "AndroidRuntime"},
            },
        ],
    ),
    "Apache's errors before 2.4": (
        "apache_error",
        "[Sun Oct 04 04:47:44 2026] [error] [client 10.0.0.9] File does not exist: /var/www/x\n",
        [
            {
                "message": "File does not exist: /var/www/x",
                "timestamp": "2026-10-04T04:47:44Z",
                "severity": "ERROR",
                "attributes": {"client": "10.0.0.9"},
            }
        ],
    ),
    "Apache's errors": (
        "apache_error",
        "[Fri Sep 11 10:42:29.902022 2026] [core:crit] [pid 35708:tid 432] [client 10.0.0.9:81] AH00126: bad URI\n",
        [
            {
                "message": "bad URI",
                "timestamp": "2026-09-11T10:42:29.902022Z",
                "severity": "CRITICAL",
                "attributes": {
                    "module": "core",
                    "pid": "35708",
                    "tid": "432",
                    "client": "10.0.0.9:81",
                    "code": "AH00126",
                },
            }
        ],
    ),
    "nginx's errors": (
        "nginx_error",
        "2026/10/18 18:01:47 [error] 8#9: *71 connect() failed (111: Connection refused)\n",
        [
            {
                "message": "connect() failed (111: Connection refused)",
                "timestamp": "2026-10-18T18:01:47Z",
                "severity": "ERROR",
                "attributes": {"pid": "8", "tid": "9", "connection": "71"},
            }
        ],
    ),
    "common log": (
        "web_access",
        '10.0.0.9 - frank [10/Oct/2026:13:55:36 -0700] "GET /a.gif HTTP/1.0" 503 2326\n',
        [
            {
                "message": '"GET /a.gif HTTP/1.0" 503 2326',
                "timestamp": "2026-10-10T13:55:36-07:00",
                "severity": "ERROR",
                "attributes": {
                    "client": "10.0.0.9",
                    "user": "frank",
                    "request": "GET /a.gif HTTP/1.0",
                    "status": "503",
                    "bytes": "2326",
                },
            }
        ],
    ),
    "combined log": (
        "web_access",
        '10.0.0.9 - - [10/Oct/2026:13:55:36 +0000] "GET /?q=\\"x\\" HTTP/1.1" 200 - "https://a.test/" "curl/8" 0.003\n',
        [
            {
                "message": '"GET /?q=\\"x\\" HTTP/1.1" 200 -',
                "timestamp": "2026-10-10T13:55:36+00:00",
                "severity": "INFO",
                "attributes": {
                    "client": "10.0.0.9",
                    "request": 'GET /?q=\\"x\\" HTTP/1.1',
                    "status": "200",
                    "bytes": "-",
                    "referrer": "https://a.test/",
                    "agent": "curl/8",
                    "more": "0.003",
                },
            }
        ],
    ),
    "syslog": (
        "syslog",
        "Oct  9 06:05:04 web-1 sshd[311]: session opened\n"
        "Oct  9 06:05:05 web-1 --- last message repeated 2 times ---\n"
        "Oct  9 06:05:06 web-1 Mail Helper[7]: sent\n",
        [
            {
                "message": "session opened",
                "timestamp": "2026-10-09T06:05:04Z",
                "attributes": {"host": "web-1", "process": "sshd", "pid": "311"},
            },
            {
                "message": "--- last message repeated 2 times ---",
                "timestamp": "2026-10-09T06:05:05Z",
                "attributes": {"host": "web-1"},
            },
            {
                "message": "sent",
                "timestamp": "2026-10-09T06:05:06Z",
                "attributes": {"host": "web-1", "process": "Mail Helper", "pid": "7"},
            },
        ],
    ),
    "syslog with a priority": (
        "syslog",
        "<34>Oct 11 22:14:15 web-1 su: failed for root\n",
        [
            {
                "message": "failed for root",
                "timestamp": "2026-10-11T22:14:15Z",
                "severity": "CRITICAL",
                "attributes": {"priority": "34", "host": "web-1", "process": "su"},
            }
        ],
    ),
    "syslog with rsyslog's times": (
        "syslog",
        "2026-10-11T22:14:15.003+02:00 web-1 cron[9]: done\n",
        [
            {
                "message": "done",
                "timestamp": "2026-10-11T22:14:15.003+02:00",
                "attributes": {"host": "web-1", "process": "cron", "pid": "9"},
            }
        ],
    ),
    "syslog as in RFC 5424": (
        "syslog_5424",
        '<165>1 2026-10-11T22:14:15.003Z web-1 shop - ID47 [ex@32473 a="3" b="say \\"x\\""][o@1] \ufeffstarted\n'
        "<11>1 2026-10-11T22:14:16Z - - - - - broken\n",
        [
            {
                "message": "started",
                "timestamp": "2026-10-11T22:14:15.003Z",
                "severity": "NOTICE",
                "attributes": {
                    "priority": "165",
                    "host": "web-1",
                    "process": "shop",
                    "message_id": "ID47",
                    "structured_data": {"ex@32473": {"a": "3", "b": 'say "x"'}, "o@1": {}},
                },
            },
            {
                "message": "broken",
                "timestamp": "2026-10-11T22:14:16Z",
                "severity": "ERROR",
                "attributes": {"priority": "11"},
            },
        ],
    ),
    "BlueGene/L": (
        "bgl",
        "KERNDTLB 1117838570 2005.06.03 R02-C:J12 2005-06-03-15.42.50.675872 R02-C:J12 RAS KERNEL FATAL tlb error\n",
        [
            {
                "message": "tlb error",
                "timestamp": "2005-06-03T22:42:50Z",
                "severity": "FATAL",
                "attributes": {
                    "label": "KERNDTLB",
                    "date": "2005.06.03",
                    "node": "R02-C:J12",
                    "local_time": "2005-06-03-15.42.50.675872",
                    "node_repeat": "R02-C:J12",
                    "type": "RAS",
                    "component": "KERNEL",
                },
            }
        ],
    ),
    "syslog as collected": (
        "thunderbird",
        "- 1131566461 2005.11.09 dn2 Nov 9 12:01:01 dn2/dn2 crond[29]: opened\n",
        [
            {
                "message": "opened",
                "timestamp": "2005-11-09T20:01:01Z",
                "attributes": {
                    "label": "-",
                    "date": "2005.11.09",
                    "node": "dn2",
                    "local_time": "Nov 9 12:01:01",
                    "location": "dn2/dn2",
                    "process": "crond",
                    "pid": "29",
                },
            }
        ],
    ),
    "a cluster's events": (
        "hpc",
        "2286 node-4 node status 1061219795 -1 running\n",
        [
            {
                "message": "running",
                "timestamp": "2003-08-18T15:16:35Z",
                "attributes": {
                    "log_id": "2286",
                    "node": "node-4",
                    "component": "node",
                    "state": "status",
                    "flag": "-1",
                },
            }
        ],
    ),
    "OpenStack": (
        "openstack",
        "nova-api.log.1.x 2026-10-16 00:00:00.008 257 ERROR nova.wsgi [req-3 f5 - -] 10.1.1.1 refused\n"
        "nova-api.log.1.x 2026-10-16 00:00:00.009 257 AUDIT nova.wsgi [-] done\n",
        [
            {
                "message": "10.1.1.1 refused",
                "timestamp": "2026-10-16T00:00:00.008Z",
                "severity": "ERROR",
                "attributes": {
                    "file": "nova-api.log.1.x",
                    "pid": "257",
                    "logger": "nova.wsgi",
                    "request": "req-3 f5 - -",
                },
            },
            {
                "message": "done",
                "timestamp": "2026-10-16T00:00:00.009Z",
                "severity": "INFO",
                "attributes": {"file": "nova-api.log.1.x", "pid": "257", "logger": "nova.wsgi", "request": "-"},
            },
        ],
    ),
    "Health": (
        "healthapp",
        "20261023-22:15:29:606|Step|3002|counted 3\n20261024-0:7:2:44|Step|3002|midnight\n",
        [
            {
                "message": "counted 3",
                "timestamp": "2026-10-23T22:15:29.606Z",
                "attributes": {"component": "Step", "pid": "3002"},
            },
            {
                "message": "midnight",
                "timestamp": "2026-10-24T00:07:02.044Z",
                "attributes": {"component": "Step", "pid": "3002"},
            },
        ],
    ),
    "Proxifier": (
        "proxifier",
        "[10.30 16:49:06] a.exe *64 - b.test:80 open\n",
        [{"message": "b.test:80 open", "timestamp": "2026-10-30T16:49:06Z", "attributes": {"program": "a.exe *64"}}],
    ),
    "Windows' servicing": (
        "windows_cbs",
        "2026-09-28 04:30:30, Warning               CSI    0001 slow\n2026-09-28 04:30:31, Info      no name\n",
        [
            {
                "message": "0001 slow",
                "timestamp": "2026-09-28T04:30:30Z",
                "severity": "WARN",
                "attributes": {"component": "CSI"},
            },
            {"message": "no name", "timestamp": "2026-09-28T04:30:31Z", "severity": "INFO", "attributes": {}},
        ],
    ),
    "klog": (
        "klog",
        "E1011 22:14:15.003452       1 nodes.go:317] lost node-4\nI20261011 22:14:15.5 71 a.cc:3] up\n",
        [
            {
                "message": "lost node-4",
                "timestamp": "2026-10-11T22:14:15.003452Z",
                "severity": "ERROR",
                "attributes": {"tid": "1", "file": "nodes.go", "line": "317"},
            },
            {
                "message": "up",
                "timestamp": "2026-10-11T22:14:15.5Z",
                "severity": "INFO",
                "attributes": {"tid": "71", "file": "a.cc", "line": "3"},
            },
        ],
    ),
    "a container's lines": (
        "cri",
        "2026-10-11T22:14:15.003452711+02:00 stderr F ERROR no route\n",
        [
            {
                "message": "ERROR no route",
                "timestamp": "2026-10-11T22:14:15.003452711+02:00",
                "severity": "ERROR",
                "attributes": {"stream": "stderr", "tag": "F"},
            }
        ],
    ),
    "CloudWatch's export": (
        "cloudwatch_export",
        "2026-10-11T22:14:15.003Z START RequestId: 7f Version: 1\n"
        "2026-10-11T22:14:15.100Z [ERROR] KeyError: 'x'\n    at line 3\n",
        [
            {"message": "START RequestId: 7f Version: 1", "timestamp": "2026-10-11T22:14:15.003Z", "attributes": {}},
            {
                "message": "[ERROR] KeyError: 'x'\n    at line 3",
                "timestamp": "2026-10-11T22:14:15.100Z",
                "severity": "ERROR",
                "attributes": {},
            },
        ],
    ),
    "logfmt": (
        "logfmt",
        'time=2026-10-11T22:14:15Z level=warn msg="no \\"route\\"" host=web-1 empty=\n',
        [
            {
                "message": 'no "route"',
                "timestamp": "2026-10-11T22:14:15Z",
                "severity": "WARN",
                "attributes": {"host": "web-1", "empty": ""},
            }
        ],
    ),
    "PostgreSQL": (
        "postgres",
        "2026-10-11 22:14:15.003 CEST [31] app@shop ERROR:  no relation at character 15\n"
        "2026-10-11 22:14:15.003 CEST [31] app@shop STATEMENT:  SELECT *\n\tFROM nowhere\n"
        "2026-10-11 22:14:16.000 CEST [32] LOG:  checkpoint starting\n",
        [
            {
                "message": "no relation at character 15\n"
                "2026-10-11 22:14:15.003 CEST [31] app@shop STATEMENT:  SELECT *\n\tFROM nowhere",
                "timestamp": "2026-10-11T22:14:15.003+02:00",
                "severity": "ERROR",
                "attributes": {"pid": "31", "session": "app@shop"},
            },
            {
                "message": "checkpoint starting",
                "timestamp": "2026-10-11T22:14:16.000+02:00",
                "severity": "INFO",
                "attributes": {"pid": "32"},
            },
        ],
    ),
    "PostgreSQL in India": (
        "postgres",
        "2026-10-11 08:15:30.123 IST [123] ERROR:  duplicate key\n"
        "2026-10-11 08:15:30.123 IST [123] DETAIL:  Key (id)=(7) already exists.\n",
        [
            {
                "message": "duplicate key\n2026-10-11 08:15:30.123 IST [123] DETAIL:  Key (id)=(7) already exists.",
                "timestamp": "2026-10-11T08:15:30.123+05:30",
                "severity": "ERROR",
                "attributes": {"pid": "123"},
            }
        ],
    ),
    "PostgreSQL in a zone of an unknown name": (
        "postgres",
        "2026-10-11 08:15:30.123 PKT [123] ERROR:  duplicate key\n"
        "2026-10-11 08:15:30.123 PKT [123] DETAIL:  Key (id)=(7) already exists.\n"
        "2026-10-11 08:15:31 PKT:10.0.0.9(51234):app@shop:[31]:LOG:  checkpoint starting\n",
        [
            {
                "message": "duplicate key\n2026-10-11 08:15:30.123 PKT [123] DETAIL:  Key (id)=(7) already exists.",
                "timestamp": "2026-10-11T08:15:30.123Z",
                "severity": "ERROR",
                "attributes": {"zone": "PKT", "pid": "123"},
            },
            {
                "message": "checkpoint starting",
                "timestamp": "2026-10-11T08:15:31Z",
                "severity": "INFO",
                "attributes": {"zone": "PKT", "client": "10.0.0.9(51234)", "session": "app@shop", "pid": "31"},
            },
        ],
    ),
    "a level before a process, which is no zone": (
        "text",
        "2026-10-11 08:15:30 INFO [123] the LOG: up\n",
        [
            {
                "message": "[123] the LOG: up",
                "timestamp": "2026-10-11T08:15:30Z",
                "severity": "INFO",
                "attributes": {},
            }
        ],
    ),
    "PostgreSQL's csvlog": (
        "postgres_csv",
        '2026-10-11 22:14:15.003 UTC,"app","shop",31,"10.0.0.9:5",66f.1f,3,"SELECT",2026-10-11 22:00:00 UTC,3/7,0,'
        'ERROR,42P01,"no relation ""x""\nhere",,,,,,"SELECT *\nFROM x",15,,"psql","client backend",,0\n',
        [
            {
                "message": 'no relation "x"\nhere',
                "timestamp": "2026-10-11T22:14:15.003Z",
                "severity": "ERROR",
                "attributes": {
                    "user_name": "app",
                    "database_name": "shop",
                    "process_id": "31",
                    "connection_from": "10.0.0.9:5",
                    "session_id": "66f.1f",
                    "session_line_num": "3",
                    "command_tag": "SELECT",
                    "session_start_time": "2026-10-11 22:00:00 UTC",
                    "virtual_transaction_id": "3/7",
                    "transaction_id": "0",
                    "sql_state_code": "42P01",
                    "query": "SELECT *\nFROM x",
                    "query_pos": "15",
                    "application_name": "psql",
                    "backend_type": "client backend",
                    "query_id": "0",
                },
            }
        ],
    ),
    "CSV": (
        "csv",
        'time,level,message,user\n2026-10-11T22:14:15Z,error,"no, ""really""\nno",7\n1762330530,info,fine,\n',
        [
            {
                "message": 'no, "really"\nno',
                "timestamp": "2026-10-11T22:14:15Z",
                "severity": "ERROR",
                "attributes": {"user": "7"},
            },
            {"message": "fine", "timestamp": "2025-11-05T08:15:30Z", "severity": "INFO", "attributes": {}},
        ],
    ),
    "TSV": (
        "tsv",
        "ts\tmsg\tcode\n2026-10-11 22:14:15\thello\t3\t4\n2026-10-11 22:14:16\tbye\t3\n2026-10-11 22:14:16\tbye\t3\n"
        "2026-10-11 22:14:16\tbye\t3\n2026-10-11 22:14:16\tbye\t3\n",
        [
            {
                "message": "hello",
                "timestamp": "2026-10-11T22:14:15Z",
                "attributes": {"code": "3", "more_fields": ["4"]},
            },
            *[{"message": "bye", "timestamp": "2026-10-11T22:14:16Z", "attributes": {"code": "3"}}] * 4,
        ],
    ),
}
