#!/usr/bin/env bash
# Seen: logback's own ch.qos.logback.classic.encoder.JsonEncoder writes the text as the program wrote it, with its {} in
# it: "Pressure {} bar on press {}". The values stand in a list "arguments", as text. The text with its values is written
# as "formattedMessage" only where withFormattedMessage is set. A null text is written as the word "null".
# logstash-logback-encoder, ecs-logging and the layouts of log4j2 write the full text as "message".
# Why it matters: a search for the press finds nothing, and a person reads {} where the number was.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
cat > pom.xml <<'X'
<project><modelVersion>4.0.0</modelVersion>
<groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
<dependencies><dependency><groupId>ch.qos.logback</groupId><artifactId>logback-classic</artifactId><version>1.5.18</version></dependency></dependencies>
</project>
X
cat > F.java <<'J'
import ch.qos.logback.classic.*;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.OutputStreamAppender;
import org.slf4j.LoggerFactory;

public class F {
    public static void main(String[] none) {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.reset();
        JsonEncoder encoder = new JsonEncoder();
        encoder.setContext(context);
        encoder.start();
        OutputStreamAppender<ILoggingEvent> out = new OutputStreamAppender<>();
        out.setContext(context);
        out.setEncoder(encoder);
        out.setOutputStream(System.out);
        out.start();
        Logger logger = context.getLogger("plant");
        logger.addAppender(out);
        logger.error("Pressure {} bar on press {}", 211, 4);
        logger.error(null, new IllegalStateException("valve"));
    }
}
J
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 2; }
javac -cp 'lib/*' F.java && java -cp 'lib/*:.' F > lines
echo "logback-classic 1.5.18 JsonEncoder wrote:"; cut -c1-400 lines
grep -qF '"message":"Pressure {} bar on press {}"' lines && grep -qF '"arguments": ["211","4"]' lines \
  && grep -qF '"message":"null"' lines || { echo "CHANGED: the text is not the template any more"; exit 1; }
