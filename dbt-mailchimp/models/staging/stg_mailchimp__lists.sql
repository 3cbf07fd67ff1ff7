select
    id as list_id,
    name,
    date_created as created_at,
    visibility,
    double_optin as is_double_optin,
    list_rating,
    {{ mailchimp.json_count("stats", "member_count") }} as member_count,
    {{ mailchimp.json_count("stats", "unsubscribe_count") }} as unsubscribe_count,
    {{ mailchimp.json_count("stats", "cleaned_count") }} as cleaned_count,
    {{ mailchimp.json_count("stats", "campaign_count") }} as campaign_count,
    -- Mailchimp gives these two in per cent, and those of reports as 0 to 1. Here all are 0 to 1.
    {{ mailchimp.json_number("stats", "open_rate") }} / 100 as mean_open_rate,
    {{ mailchimp.json_number("stats", "click_rate") }} / 100 as mean_click_rate
from {{ source("mailchimp", "lists") }}
