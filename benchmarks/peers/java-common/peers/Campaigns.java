package peers;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import redis.clients.jedis.Jedis;

/** The campaign of each ad, loaded from Redis once at the start. */
public final class Campaigns {
    public static Map<String, String> load(String address) {
        String[] parts = address.split(":");
        try (Jedis redis = new Jedis(parts[0], Integer.parseInt(parts[1]))) {
            String[] ads = redis.keys("*-*").toArray(new String[0]);
            List<String> campaigns = redis.mget(ads);
            Map<String, String> result = new HashMap<>();
            for (int i = 0; i < ads.length; i++) result.put(ads[i], campaigns.get(i));
            return result;
        }
    }

    private Campaigns() {}
}
