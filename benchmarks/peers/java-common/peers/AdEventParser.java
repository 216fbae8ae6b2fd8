package peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** Reads events with Jackson's streaming parser: no tree, and no string for fields that nobody needs. */
public final class AdEventParser {
    private static final JsonFactory JSON = new JsonFactory();

    /** Fills {@code event} from one JSON object. */
    public static void parse(byte[] bytes, AdEvent event) throws IOException {
        try (JsonParser parser = JSON.createParser(bytes, 0, bytes.length)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) throw new IOException("an event is a JSON object");
            event.adId = null;
            event.eventType = null;
            event.eventTime = Long.MIN_VALUE;
            String name;
            while ((name = parser.nextFieldName()) != null) {
                parser.nextToken();
                switch (name) {
                    case "ad_id" -> event.adId = parser.getText();
                    case "event_type" -> event.eventType = parser.getText();
                    case "event_time" -> event.eventTime = parseLong(parser);
                    default -> parser.skipChildren();
                }
            }
            if (event.adId == null || event.eventType == null || event.eventTime == Long.MIN_VALUE) throw new IOException("a field is missing");
        }
    }

    private static long parseLong(JsonParser parser) throws IOException {
        char[] text = parser.getTextCharacters();
        int from = parser.getTextOffset();
        int to = from + parser.getTextLength();
        long value = 0;
        for (int i = from; i < to; i++) {
            int digit = text[i] - '0';
            if (digit < 0 || digit > 9) throw new IOException("event_time is no number");
            value = value * 10 + digit;
        }
        return value;
    }

    private AdEventParser() {}
}
